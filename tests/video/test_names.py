"""Names of files that FFmpeg would take for something else."""

import os
import shutil

import av
import numpy as np
import pytest

from offkeras import video
from offkeras.video import isolated
from offkeras.video.writing import write_video

NAMES = (
    "a:b.mp4",
    "http:c.mp4",
    "concat:d.mp4",
    "e:f/g.mp4",
    "25%d.mp4",
    os.fsdecode(b"caf\xe9.mp4"),
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("absolute", [False, True])
def test_any_name(name, absolute, encode, decode_all, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = encode("plain.mp4", num_frames=5)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    shutil.copy(plain, name)
    path = str(tmp_path / name) if absolute else name
    _, expected = decode_all(plain)
    for module in (video, isolated):
        assert module.probe(path).num_frames == 5
        frames = [frame for _, frame in module.iterate_frames(path)]
        assert np.abs(np.stack(frames) - expected.astype(int)).mean() < 4
    os.remove(path)
    write_video(path, expected, fps=25)
    with open(path, "rb") as file, av.open(file) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5
