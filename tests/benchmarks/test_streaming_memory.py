from pathlib import Path

import numpy as np
import pytest

from benchmarks import streaming_memory
from benchmarks.support import records
from offkeras import data


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("loop") / "loop.mp4"
    streaming_memory.write_loop(path, 240)
    return path


def test_the_loop_repeats_the_sample(video):
    frames = data.read_frames(video, [0, 30, 60, 90]).astype(int)
    assert data.probe(video).num_frames == 240
    assert data.probe(video).duration == 240 / 25
    same = np.abs(frames[0] - frames[2]).mean()
    assert same < 10 < np.abs(frames[0] - frames[1]).mean()


@pytest.mark.parametrize("stream", streaming_memory.STREAMS)
def test_no_stream_grows_or_loses_a_frame(stream, video, tmp_path):
    row = streaming_memory.measure(stream, video, minute=80)
    assert row["frames_out"] == row["frames_in"] == 240
    assert float(row["growth_percent"]) < 5
    records.write(tmp_path / "rows.csv", [row])
    committed = Path(streaming_memory.__file__).with_suffix(".csv")
    assert records.columns(tmp_path / "rows.csv") == records.columns(committed)


def test_growth_is_seen(video, monkeypatch):
    kept = []

    def hoard(path):
        for _, frame in data.iterate_frames(path):
            kept.append(np.ones(2**19))  # 4 MiB a frame
            yield frame

    monkeypatch.setitem(streaming_memory.STREAMS, "hoard", hoard)
    row = streaming_memory.measure("hoard", video, minute=80)
    growth = float(row["rss_end_mib"]) - float(row["rss_first_minute_mib"])
    assert growth > 0.8 * 4 * (len(kept) - 80)
