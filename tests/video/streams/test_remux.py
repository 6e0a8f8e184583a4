"""What a restored file keeps of its source, seen with plain PyAV."""

import fractions

import av
import numpy as np
import pytest

from offkeras import data, inference
from offkeras.video import remux

GOP = {"g": "12", "bf": "3"}


def sound_of(path):
    """(time, bytes) of every audio packet, by track."""
    with av.open(str(path)) as container:
        tracks = {track.index: [] for track in container.streams.audio}
        for packet in container.demux():
            if packet.size and packet.stream.index in tracks:
                time = packet.pts * packet.time_base
                tracks[packet.stream.index].append((time, bytes(packet)))
    return list(tracks.values())


def times_of(path):
    with av.open(str(path)) as container:
        return [
            frame.pts * frame.time_base for frame in container.decode(video=0)
        ], container.streams.video[0].average_rate


def psnr(a, b):
    return 10 * np.log10(255**2 / max(np.mean((a.astype(float) - b) ** 2), 1e-9))


def frames_of(path):
    return np.stack([frame.rgb for frame in remux.read_source(str(path))])


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_everything_stays_but_the_pixels(suffix, film, identity, tmp_path):
    video, output = film("film.mp4"), tmp_path / f"out.{suffix}"
    inference.restore_file(video, output, identity)
    (expected,), (received,) = sound_of(video), sound_of(output)
    (times, rate), (new_times, new_rate) = times_of(video), times_of(output)
    assert [packet for _, packet in received] == [packet for _, packet in expected]
    assert len(new_times) == 60
    if suffix == "mkv":
        # Its ticks are milliseconds, and none is negative: what AAC stores before
        # the sound moves everything by one AAC frame.
        shift, tolerance = 1024 / 48000, 0.0011
    else:
        shift, tolerance = 0, 1e-9
        assert new_times == times
        assert new_rate == rate == fractions.Fraction(30000, 1001)
    for new, old in ((received, expected), (new_times, times)):
        new, old = (
            [float(item[0] if isinstance(item, tuple) else item) for item in items]
            for items in (new, old)
        )
        np.testing.assert_allclose(np.subtract(new, old), shift, atol=tolerance)
    with av.open(video) as old, av.open(str(output)) as new:
        assert abs(old.duration + 1e6 * shift - new.duration) <= 1e6 * tolerance + 1
    assert psnr(frames_of(video), frames_of(output)) > 40


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_an_uneven_clock_stays(suffix, encode, identity, tmp_path):
    durations = [40, 5, 300, 7, 90] * 6
    video = encode(f"uneven.{suffix}", options=GOP, durations=durations, num_frames=30)
    output = tmp_path / f"out.{suffix}"
    inference.restore_file(video, output, identity, crf=14)
    assert times_of(output)[0] == times_of(video)[0]
    assert psnr(frames_of(video), frames_of(output)) > 40


@pytest.mark.parametrize("name", ["video.avi", "video.ts", "video.h264", "one.mp4"])
def test_other_containers_and_one_frame(name, encode, identity, tmp_path):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    count = 1 if name == "one.mp4" else 20
    video, output = encode(name, codec=codec, num_frames=count), tmp_path / "out.mp4"
    assert inference.restore_file(video, output, identity, crf=14) == count
    times, rate = times_of(output)
    assert times == [fractions.Fraction(i, 25) for i in range(count)]
    assert rate == 25
    assert sound_of(output) == []
    assert psnr(frames_of(video), frames_of(output)) > 40


def test_sound_and_picture_of_a_transport_stream_stay_together(
    film, identity, tmp_path
):
    """Its clock begins at 1.4 s, and its sound is in another bit stream format."""
    video, output = (
        film("film.ts", options={"output_ts_offset": "1.4"}),
        tmp_path / "out.mp4",
    )
    inference.restore_file(video, output, identity)
    (expected,), (received,) = sound_of(video), sound_of(output)
    assert len(received) == len(expected) > 50
    delay = times_of(video)[0][0] - expected[0][0]
    new_delay = times_of(output)[0][0] - received[0][0]
    assert times_of(video)[0][0] > 1
    assert float(new_delay) == pytest.approx(float(delay), abs=1e-3)


def test_every_track_is_copied_or_none(film, identity, tmp_path):
    video = film("film.mp4", tracks=2, num_frames=10)
    inference.restore_file(video, tmp_path / "both.mkv", identity)
    inference.restore_file(video, tmp_path / "none.mkv", identity, audio=False)
    tracks, expected = sound_of(tmp_path / "both.mkv"), sound_of(video)
    assert [[data for _, data in track] for track in tracks] == [
        [data for _, data in track] for track in expected
    ]
    assert sound_of(tmp_path / "none.mkv") == []


def test_sound_that_the_container_cannot_hold(film, identity, tmp_path):
    video = film("film.mkv", audio_codec="pcm_u8", num_frames=10)
    output = tmp_path / "out.mp4"
    with pytest.raises(
        ValueError, match=r"film\.mkv: .*pcm_u8.*Write \.mov or \.mkv, or"
    ):
        inference.restore_file(video, output, identity)
    assert not list(tmp_path.glob("*out*"))
    inference.restore_file(video, tmp_path / "out.mkv", identity)
    (expected,), (received,) = sound_of(video), sound_of(tmp_path / "out.mkv")
    assert received == expected


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_rotated_videos_are_written_upright(rotation, encode, identity, tmp_path):
    video = encode("phone.mp4", rotation=rotation, num_frames=3)
    output = tmp_path / "out.mp4"
    inference.restore_file(video, output, identity)
    with av.open(str(output)) as container:
        frame = next(container.decode(video=0))
        assert frame.rotation == 0
        shown = data.read_frames(video, [0])[0]
        assert (frame.height, frame.width) == shown.shape[:2]
    assert psnr(frames_of(video), frames_of(output)) > 40


@pytest.mark.parametrize(
    "codec, pixel_format, height, width, expected",
    [
        ("libx264", "yuv420p", 64, 96, "yuv420p"),
        ("libx264", "yuv422p", 64, 96, "yuv422p"),
        ("libx264", "yuv444p", 64, 96, "yuv444p"),
        ("mjpeg", "yuvj420p", 63, 96, "yuv444p"),
        ("mjpeg", "yuvj422p", 64, 95, "yuv444p"),
        ("mjpeg", "yuvj422p", 63, 96, "yuv422p"),
        ("ffv1", "gray", 64, 96, "yuv420p"),
        ("ffv1", "bgr0", 64, 96, "yuv444p"),
        ("libx264", "yuv420p10le", 64, 96, "yuv420p"),  # 8 bits, as documented
    ],
)
def test_sizes_and_pixel_formats(
    codec, pixel_format, height, width, expected, encode, identity, tmp_path
):
    video = encode(
        "in.mkv",
        codec=codec,
        pixel_format=pixel_format,
        height=height,
        width=width,
        num_frames=3,
    )
    output = tmp_path / "out.mkv"
    inference.restore_file(video, output, identity, crf=1)
    with av.open(str(output)) as container:
        frame = next(container.decode(video=0))
    assert (frame.height, frame.width) == (height, width)
    assert frame.format.name.replace("yuvj", "yuv") == expected
    assert psnr(frames_of(video), frames_of(output)) > 40


def write_tagged(path, *, matrix, range, transfer, primaries, aspect=None):
    """Grey ramps in four colours, encoded without loss under these tags."""
    y = np.linspace(60, 190, 96, dtype=np.uint8)[None].repeat(64, 0)
    u = np.repeat([[118, 140]], 24, 1).repeat(32, 0).astype(np.uint8)
    v = np.repeat([[115], [138]], 16, 0).repeat(48, 1).astype(np.uint8)
    planes = np.concatenate([plane.ravel() for plane in (y, u, v)]).reshape(96, 96)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.options = {"crf": "0"}
        context = stream.codec_context
        stream.height, stream.width = 64, 96
        context.colorspace, context.color_range = matrix, range
        context.color_trc, context.color_primaries = transfer, primaries
        if aspect:
            context.sample_aspect_ratio = aspect
        for _ in np.arange(3):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.colorspace, frame.color_range = matrix, range
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


def stored(path):
    """The first frame as it is stored, and its tags."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        context = container.streams.video[0].codec_context
        tags = (
            *(int(frame.colorspace), int(frame.color_range)),
            *(context.color_trc, context.color_primaries),
            container.streams.video[0].sample_aspect_ratio,
        )
        return frame.to_ndarray().astype(int), tags


@pytest.mark.parametrize("range", [0, 1, 2])  # unspecified, 16..235, 0..255
@pytest.mark.parametrize("matrix", [1, 2, 5, 6, 9])  # 709, unspecified, 601 x2, 2020
def test_colours_are_stored_as_they_were(matrix, range, identity, tmp_path):
    """Sample by sample: were matrix or range others, levels would move by 5 or more."""
    tags = dict(matrix=matrix, range=range, transfer=1, primaries=1)
    video, output = write_tagged(tmp_path / "in.mp4", **tags), tmp_path / "out.mp4"
    inference.restore_file(video, output, identity, crf=0)
    (before, old_tags), (after, new_tags) = stored(video), stored(output)
    assert new_tags == old_tags
    assert old_tags[0] == matrix
    difference = np.abs(after - before)
    assert np.percentile(difference, 95) <= 1  # chroma blurs where colours meet
    assert abs((after - before)[:64].mean()) < 0.05


def test_pixel_aspect_ratio_stays(identity, tmp_path):
    aspect = fractions.Fraction(64, 45)
    tags = dict(matrix=6, range=1, transfer=6, primaries=6, aspect=aspect)
    video, output = write_tagged(tmp_path / "in.mp4", **tags), tmp_path / "out.mp4"
    inference.restore_file(video, output, identity)
    assert stored(video)[1] == stored(output)[1] == (6, 1, 6, 6, aspect)


def test_colours_without_a_known_matrix_are_refused(identity, tmp_path):
    tags = dict(matrix=8, range=1, transfer=1, primaries=1)  # YCgCo
    video = write_tagged(tmp_path / "in.mp4", **tags)
    with pytest.raises(data.VideoError, match=r"in\.mp4: .*received 8"):
        inference.restore_file(video, tmp_path / "out.mp4", identity)
    assert not list(tmp_path.glob("*out*"))
