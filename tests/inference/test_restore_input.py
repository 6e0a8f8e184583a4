"""Input that cannot be restored: the error names the file, and the frame."""

import pathlib
import types

import numpy as np
import pytest

from offkeras import data, inference
from offkeras.video import remux

GOP = {"g": "12", "bf": "3"}


def test_a_truncated_file_is_refused_before_the_first_frame(encode, identity, tmp_path):
    whole = encode(
        "whole.mp4", options=GOP, container_options={"movflags": "faststart"}
    )
    path = tmp_path / "cut.mp4"
    content = pathlib.Path(whole).read_bytes()
    path.write_bytes(content[: 2 * len(content) // 3])
    counts = []
    with pytest.raises(data.VideoError, match=r"cut\.mp4: is truncated at frame \d+"):
        inference.restore_file(path, tmp_path / "out.mp4", identity, done=counts.append)
    assert counts == []
    assert not list(tmp_path.glob("*out*"))


def test_a_truncated_matroska_file_is_refused_too(encode, identity, tmp_path):
    path = tmp_path / "cut.mkv"
    content = pathlib.Path(encode("film.mkv", num_frames=90, options=GOP)).read_bytes()
    path.write_bytes(content[: len(content) // 3])
    with pytest.raises(data.VideoError, match=r"cut\.mkv: is truncated at frame \d+"):
        list(inference.restore(path, identity))


def test_damaged_packets_name_the_frame(encode, identity, tmp_path):
    whole = encode("whole.mp4", codec="mjpeg", pixel_format="yuvj420p")
    content = bytearray(pathlib.Path(whole).read_bytes())
    start, end = content.index(b"mdat"), content.index(b"moov") - 4
    content[(start + end) // 2 : end] = bytes(end - (start + end) // 2)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    counts = []
    with pytest.raises(data.VideoError, match=r"damaged\.mp4: frame \d+ "):
        inference.restore_file(path, tmp_path / "out.mp4", identity, done=counts.append)
    assert 20 < len(counts) < 40
    assert not list(tmp_path.glob("*out*"))


def test_a_size_that_changes_is_named(encode, identity, tmp_path):
    large = encode("large.h264", num_frames=4)
    small = encode("small.h264", num_frames=4, height=32, width=48)
    path = tmp_path / "both.h264"
    path.write_bytes(
        pathlib.Path(large).read_bytes() + pathlib.Path(small).read_bytes()
    )
    message = r"both\.h264: .*changes at frame 4: expected 96x64 .* received 48x32"
    with pytest.raises(data.VideoError, match=message):
        list(inference.restore(path, identity))


def test_interlaced_video_is_refused(encode, identity):
    options = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
    path = encode("interlaced.mp4", options=options, num_frames=4)
    with pytest.raises(data.VideoError, match="frame 0 is interlaced. Deinterlace"):
        list(inference.restore(path, identity))


def test_files_without_frames(identity, tmp_path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("no video " * 99)
    for name, reason in {
        "empty.mp4": "the file is empty",
        "text.mp4": "not a readable video",
        "absent.mp4": "no such file",
    }.items():
        with pytest.raises(data.VideoError, match=f"{name}: {reason}"):
            inference.restore_file(tmp_path / name, tmp_path / "out.mp4", identity)
    assert not list(tmp_path.glob("*out*"))


def test_huge_frames_are_refused_before_decoding(encode, identity, monkeypatch):
    path = encode("large.mp4", num_frames=2)
    monkeypatch.setattr(remux, "MAX_PIXELS", 6143)
    monkeypatch.setattr(remux, "decode", None)
    with pytest.raises(data.VideoError, match="96x64 exceeds max_pixels=6143"):
        list(inference.restore(path, identity))


@pytest.mark.parametrize("name", ["film.ts", "film.mp4", "film.mkv"])
def test_damage_anywhere_ends_in_a_file_or_a_sentence(name, film, identity, tmp_path):
    """Of the picture, of the sound and of what holds them; never another error."""
    content = pathlib.Path(film(name, num_frames=8)).read_bytes()
    rng, reasons, written = np.random.default_rng(0), [], 0
    start = content.index(b"moov") if name.endswith("mp4") else 0
    for _ in range(40):
        damaged = bytearray(content)
        for place in rng.integers(start, len(content), rng.integers(1, 20)):
            damaged[place] = rng.integers(256)
        path, output = tmp_path / f"damaged.{name[-3:].strip('.')}", tmp_path / "o.mkv"
        path.write_bytes(damaged)
        try:
            inference.restore_file(path, output, identity)
            written += 1
        except data.VideoError as error:
            assert str(error).startswith(f"{path}: ") and len(str(error)) < 400
            reasons.append(error.reason)
    assert written > 0
    if name != "film.mkv":
        assert any("its sound cannot be copied" in reason for reason in reasons)


def test_sound_without_time_stamps():
    packet = types.SimpleNamespace(size=1, dts=None, pts=None)
    source = types.SimpleNamespace(demux=lambda *tracks: [packet])
    target = types.SimpleNamespace(add_stream_from_template=lambda track: track)
    track = types.SimpleNamespace(index=1)
    sound = remux._Sound("a.avi", source, target, [track], 0)
    with pytest.raises(data.VideoError, match="a.avi: its sound has no time stamps"):
        sound.copy_until(0)
