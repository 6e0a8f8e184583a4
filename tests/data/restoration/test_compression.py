import itertools
import json
import os
import stat
from pathlib import Path

import av
import numpy as np
import pytest

from offkeras.data.restoration import compression, septuplet_files
from offkeras.data.restoration.compression import FFmpeg, FFmpegError
from offkeras.data.sample_videos import sample_video


@pytest.fixture(scope="module")
def ffmpeg():
    return FFmpeg.find()


def fake_ffmpeg(folder, version):
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\necho 'ffmpeg version {version} Copyright (c) 2025'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return FFmpeg.find(str(path))


def psnr(a, b):
    """Mean over frames, in float64."""
    error = (a.astype("float64") - b).reshape(len(a), -1)
    return np.mean(10 * np.log10(255**2 / (error**2).mean(1)))


# Measured apart from this project with FFmpeg 7.0.2: dB and bits per pixel.
@pytest.mark.parametrize(
    "video, quality, decibel, bits",
    [
        ("bikes.mp4", 20, 38.26, 0.60),
        ("bikes.mp4", 40, 36.51, 0.50),
        ("bigbuckbunny.mp4", 20, 32.00, 1.68),
        ("bigbuckbunny.mp4", 40, 29.91, 1.10),
    ],
)
def test_jpeg2000_is_the_codec_of_the_benchmark(ffmpeg, video, quality, decibel, bits):
    frames = ffmpeg.read(sample_video(video), size=(256, 448))
    clip = np.stack(list(itertools.islice(frames, 59, 66)))
    decoded, size = ffmpeg.compress(clip, codec="jpeg2000", quality=quality)
    assert abs(psnr(clip, decoded) - decibel) < 0.05
    assert abs(size * 8 / (7 * 256 * 448) - bits) < 0.02  # ours with the container
    # The seam between two tiles is part of the task.
    seam, clean_seam = (
        np.abs(x[:, :, 256].astype(int) - x[:, :, 255]).mean() for x in (decoded, clip)
    )
    assert seam > 1.2 * clean_seam


@pytest.mark.parametrize("codec", ["h264", "mpeg4", "mjpeg"])
def test_other_codecs_lose_more_at_a_higher_quality_number(ffmpeg, codec):
    frames = ffmpeg.read(sample_video("bikes.mp4"), size=(64, 96))
    clip = np.stack(list(itertools.islice(frames, 7)))
    results = [ffmpeg.compress(clip, codec=codec, quality=q) for q in (15, 30)]
    (fine, large), (coarse, small) = results
    assert fine.shape == coarse.shape == clip.shape
    assert large > small
    assert 50 > psnr(clip, fine) > psnr(clip, coarse) > 20


def test_read_gives_every_frame_in_its_own_size(ffmpeg):
    import cv2

    path = sample_video("carphone_pristine.mp4")
    frames = list(ffmpeg.read(path))
    assert len(frames) == 120 and frames[0].shape == (144, 176, 3)
    # Another decoder, and RGB not BGR.
    capture = cv2.VideoCapture(path)
    for frame in frames[:3]:
        expected = capture.read()[1][..., ::-1].astype(int)
        assert np.abs(frame - expected).mean() < 1.5


def test_ten_bits_a_colour_become_eight(ffmpeg, tmp_path):
    path = tmp_path / "ten_bit.mkv"
    gray = np.arange(64, dtype=np.uint16).reshape(8, 8) * 16
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", 25, width=8, height=8)
        stream.pix_fmt = "gray10le"
        frame = av.VideoFrame.from_ndarray(gray, format="gray10le")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    (rgb,) = ffmpeg.read(path)
    assert rgb.dtype == np.uint8 and rgb.shape == (8, 8, 3)
    np.testing.assert_allclose(rgb[..., 1], gray / 1023 * 255, atol=1.5)


@pytest.mark.parametrize(
    "codec, quality", [("jpeg2000", 0), ("h264", 52), ("mpeg4", 32), ("mjpeg", -3)]
)
def test_a_quality_that_a_codec_has_not_is_named(ffmpeg, codec, quality):
    clip = np.zeros((2, 16, 16, 3), np.uint8)
    with pytest.raises(ValueError, match=f"of {codec} must be .* Received: {quality}"):
        ffmpeg.compress(clip, codec=codec, quality=quality)


def test_read_names_a_broken_video(ffmpeg, tmp_path):
    whole = Path(sample_video("bikes.mp4")).read_bytes()
    (tmp_path / "broken.mp4").write_bytes(b"\0" * 1000)
    with pytest.raises(FFmpegError, match="reading .*broken.mp4"):
        list(ffmpeg.read(tmp_path / "broken.mp4"))
    # The header comes first in this copy, so only the data is cut off.
    middle = bytearray(whole)
    middle[150_000:400_000] = b"\0" * 250_000
    (tmp_path / "damaged.mp4").write_bytes(middle)
    with pytest.raises(FFmpegError, match="reading .*damaged.mp4"):
        list(ffmpeg.read(tmp_path / "damaged.mp4"))


def test_reading_can_stop_early(ffmpeg):
    frames = ffmpeg.read(sample_video("bikes.mp4"))
    next(frames)
    frames.close()


@pytest.mark.parametrize("version", ["4.1", "5.1.9-0+deb12u1", "7.0.2-static", "n6.1"])
def test_versions_of_the_benchmark(tmp_path, version):
    found = fake_ffmpeg(tmp_path, version)
    assert found.version == version
    found.check_jpeg2000()


@pytest.mark.parametrize("version", ["4.0.6", "7.1", "8.0", "9.0.2", "N-118000-gabc"])
def test_another_version_is_refused_unless_forced(tmp_path, version):
    found = fake_ffmpeg(tmp_path, version)
    options = dict(ffmpeg=found, quality=30)
    with pytest.raises(FFmpegError, match=f"FFmpeg 4.1 to 7.0.*{version}"):
        compression.compress_clips(tmp_path, [], codec="jpeg2000", **options)
    compression.compress_clips(
        tmp_path, [], codec="jpeg2000", any_version=True, **options
    )
    compression.compress_clips(tmp_path, [], codec="mjpeg", **options)


def test_what_is_no_ffmpeg_is_named(tmp_path):
    with pytest.raises(FFmpegError, match="nowhere is not a working FFmpeg"):
        FFmpeg.find(str(tmp_path / "nowhere"))
    with pytest.raises(FFmpegError, match="to begin with 'ffmpeg version'"):
        FFmpeg.find("/bin/echo")


def test_compress_refuses_what_it_cannot_do(ffmpeg):
    clip = np.zeros((2, 16, 16, 3), np.uint8)
    with pytest.raises(ValueError, match="one of .*'jpeg2000'.*Received: 'vp9'"):
        ffmpeg.compress(clip, codec="vp9", quality=1)
    with pytest.raises(ValueError, match=r"Received: float64 \(2, 16, 16, 3\)"):
        ffmpeg.compress(clip / 1.0, codec="mjpeg", quality=1)
    with pytest.raises(FFmpegError, match="compressing 2 frames of 15x15 by h264"):
        ffmpeg.compress(clip[:, 1:, 1:], codec="h264", quality=30)


def write_set(root, clips, seed=0):
    rng = np.random.default_rng(seed)
    for clip in clips:
        noise = rng.integers(0, 256, (7, 4, 6, 3))
        frames = noise.repeat(8, axis=1).repeat(8, axis=2).astype("uint8")
        septuplet_files.write_clip(root / "sequences" / clip, frames)


def test_compress_clips_goes_on_where_it_stopped(ffmpeg, tmp_path):
    clips = ["00001/0001", "00001/0002", "00002/0001"]
    write_set(tmp_path, clips)
    options = dict(ffmpeg=ffmpeg, codec="jpeg2000", quality=40)
    counts = []
    folder = compression.compress_clips(
        tmp_path, clips[:2], workers=2, done=counts.append, **options
    )
    assert counts == [1, 2]
    assert folder == tmp_path / "jpeg2000_q40"
    stamps = {p: os.stat(p).st_mtime_ns for p in folder.rglob("*.png")}
    assert len(stamps) == 14

    # A killed run leaves a clip half written; it is no clip.
    (folder / "00002" / ".writing-0001").mkdir(parents=True)
    (folder / "00002" / ".writing-0001" / "im1.png").write_bytes(b"half")
    compression.compress_clips(tmp_path, clips, **options)
    assert {p: os.stat(p).st_mtime_ns for p in stamps} == stamps
    for clip in clips:
        clean = septuplet_files.read_clip(tmp_path, "sequences", clip)
        expected, _ = ffmpeg.compress(clean, codec="jpeg2000", quality=40)
        found = septuplet_files.read_clip(tmp_path, "jpeg2000_q40", clip)
        np.testing.assert_array_equal(found, expected)
        assert not np.array_equal(found, clean)

    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["ffmpeg"] == ffmpeg.version
    assert (manifest["codec"], manifest["quality"]) == ("jpeg2000", 40)


def test_a_folder_of_another_ffmpeg_is_refused(ffmpeg, tmp_path):
    options = dict(codec="jpeg2000", quality=20)
    old = fake_ffmpeg(tmp_path, "4.2.2")
    compression.compress_clips(tmp_path, [], ffmpeg=old, **options)
    with pytest.raises(ValueError, match="ffmpeg: expected 4.2.2, received 7"):
        compression.compress_clips(tmp_path, [], ffmpeg=ffmpeg, **options)


def test_a_broken_clip_stops_the_work_by_name(ffmpeg, tmp_path):
    write_set(tmp_path, ["00001/0001"])
    (tmp_path / "sequences/00001/0001/im3.png").unlink()
    with pytest.raises(ValueError, match="0001/im3.png is missing"):
        compression.compress_clips(
            tmp_path, ["00001/0001"], ffmpeg=ffmpeg, codec="mjpeg", quality=20
        )
    assert not (tmp_path / "mjpeg_q20/00001").exists()
