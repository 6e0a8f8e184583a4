import types
from pathlib import Path

import numpy as np

from benchmarks.motion_vectors import __main__ as benchmark
from benchmarks.support import records
from offkeras import data


def test_a_row_of_a_short_video(tmp_path):
    """Frames that move by (2, 0): vectors and flow agree."""
    noise = np.random.default_rng(0).integers(0, 256, (8, 24, 3), np.uint8)
    noise = np.stack([np.kron(c, np.ones((8, 8))) for c in noise.T], -1)
    noise = noise.swapaxes(0, 1).astype(np.uint8)
    frames = [noise[:, 32 - 2 * i :][:, :128] for i in range(8)]
    path = tmp_path / "a.mp4"
    data.write_video(path, map(np.ascontiguousarray, frames), fps=25, codec="mpeg4")
    options = types.SimpleNamespace(frames=6, rounds=1)
    row = benchmark.measure("a", str(path), options)
    table = Path(benchmark.__file__).parent.with_suffix(".csv")
    assert {*row, *records.environment("a")} == set(records.columns(table))
    assert (row["codec"], row["frames"]) == ("mpeg4", 6)
    assert float(row["correlation"]) > 0.7 and float(row["error_pixels"]) < 1
    assert float(row["ratio"]) > 0
    assert benchmark.write_coding(tmp_path, "as it is", 2) == data.sample_video(
        benchmark.SAMPLE
    )
