"""Which files are found as videos, and that FFmpeg reads all of them."""

import os
import tempfile
from pathlib import Path

import av
import numpy as np
import pytest

from offkeras.video import probe, read_frames
from offkeras.video.search import VIDEO_SUFFIXES, find_others, find_videos

LEVELS = np.arange(0, 240, 20, "uint8")
# What is usual in a container: codec and FFmpeg's name of the container.
USUAL = {
    ".3gp": ("mpeg4", None),
    ".3g2": ("mpeg4", None),
    ".asf": ("mpeg4", None),
    ".avi": ("mpeg4", None),
    ".f4v": ("libx264", "f4v"),
    ".flv": ("flv", None),
    ".gif": ("gif", None),
    ".mpeg": ("mpeg1video", None),
    ".mpg": ("mpeg1video", None),
    ".mts": ("libx264", "mpegts"),
    ".mxf": ("mpeg2video", None),
    ".ogv": ("libvpx", "ogv"),
    ".ts": ("mpeg2video", None),
    ".vob": ("mpeg2video", None),
    ".webm": ("libvpx", None),
    ".wmv": ("wmv2", None),
}


@pytest.mark.parametrize("suffix", VIDEO_SUFFIXES)
def test_every_suffix_is_read(suffix, tmp_path):
    path = tmp_path / f"a{suffix.upper()}"
    codec, container_format = USUAL.get(suffix, ("libx264", None))
    with av.open(str(tmp_path / f"a{suffix}"), "w", format=container_format) as out:
        pixel_format = "rgb8" if codec == "gif" else "yuv420p"
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixel_format
        for level in LEVELS:
            grey = np.full((64, 96, 3), level, "uint8")
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            out.mux(stream.encode(frame.reformat(format=pixel_format)))
        out.mux(stream.encode())
    os.rename(tmp_path / f"a{suffix}", path)
    assert find_videos(tmp_path) == [path]
    info = probe(path)
    assert (info.num_frames, info.fps) == (len(LEVELS), 25)
    frames = read_frames(path, range(len(LEVELS)))
    # A palette of 256 colours has eight levels of red and green.
    error = np.abs(frames.mean((1, 2, 3)) - LEVELS)
    assert error.max() < (20 if suffix == ".gif" else 4)


def test_what_is_found_and_what_is_left(tmp_path):
    for name in ("b.mp4", "a.WMV", "notes.txt", ".hidden.mp4", "in/c.ts", ".no/d.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "link.mp4").symlink_to("b.mp4")
    (tmp_path / "lost.mp4").symlink_to("nothing.mp4")
    (tmp_path / "folder.mp4").mkdir()

    def names(paths):
        return [path.relative_to(tmp_path).as_posix() for path in paths]

    here = ["a.WMV", "b.mp4", "link.mp4", "lost.mp4"]
    assert names(find_videos(tmp_path)) == here
    below = sorted([*here, "in/c.ts"])
    assert names(find_videos(tmp_path, below=True)) == below
    assert names(find_others(tmp_path, VIDEO_SUFFIXES)) == ["notes.txt"]
    with pytest.raises(ValueError, match="lost.mp4: a link to nothing.mp4: no such"):
        probe(tmp_path / "lost.mp4")


@pytest.fixture
def somebody():
    """Not root, who may look everywhere."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    os.seteuid(before)


@pytest.mark.parametrize("below", [False, True])
def test_a_folder_that_nobody_may_look_into(below, somebody):
    user = os.geteuid()
    os.seteuid(os.getuid())
    # Not below tmp_path, which other users may not enter.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        closed = Path(folder, "closed")
        closed.mkdir()
        closed.chmod(0o000)
        os.seteuid(user)
        with pytest.raises(PermissionError, match="closed"):
            find_videos(folder if below else closed, below=below)
        os.seteuid(os.getuid())
