import argparse

import pytest

from benchmarks.end_to_end import __main__ as end_to_end
from offkeras import inference
from offkeras.video import iterate_frames


@pytest.mark.slow
@pytest.mark.parametrize("kind", [end_to_end.Classify, end_to_end.Detect])
def test_a_command_has_a_row_and_writes_its_video(kind, monkeypatch, tmp_path):
    monkeypatch.setattr(kind, "size", (160, 96))
    case = kind(inference.trained_model(kind.model))
    row = end_to_end.measure(case, tmp_path, argparse.Namespace(frames=30, rounds=1))
    written = iterate_frames(tmp_path / "out" / f"{kind.name}.mp4")
    assert sum(1 for _ in written) == 30
    parts = ("decoding_fps", "network_fps", "encoding_fps")
    slowest = min(float(row[part]) for part in parts)
    assert float(row["ratio"]) == pytest.approx(float(row["fps"]) / slowest, rel=0.02)
