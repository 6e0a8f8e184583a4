"""Times, shape of pixels and colours of written videos, seen by plain PyAV."""

import fractions

import av
import numpy as np
import pytest

from offkeras.video import probe, write_video
from offkeras.video.color import Coding


def grey(count, height=64, width=96):
    return [np.full((height, width, 3), 8 * i % 256, np.uint8) for i in range(count)]


def shown(path):
    """Times of the frames, the length of the file, and the shape of a pixel."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        aspect = stream.sample_aspect_ratio
        return [frame.time for frame in frames], container.duration / 1e6, aspect


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize(
    "times",
    [
        [0, 0.04, 0.08, 1, 1.001, 7.5],
        [0, 3600, 7200],
        [i * 1001 / 30000 for i in range(40)],
    ],
    ids=["uneven", "one an hour", "even"],
)
def test_times_are_those_that_were_given(times, suffix, tmp_path):
    fps = (len(times) - 1) / times[-1]
    path = tmp_path / f"a.{suffix}"
    write_video(path, grey(len(times)), fps=fps, times=iter(times))
    found, length, _ = shown(path)
    np.testing.assert_allclose(found, times, atol=0.0006 if suffix == "mkv" else 2e-5)
    assert length == pytest.approx(times[-1] + 1 / fps, abs=0.002)
    assert probe(path).fps == pytest.approx(fps, rel=0.01)


@pytest.mark.parametrize("fps", [1 / 3600, 0.4, 24000 / 1001, 120])
def test_rates_of_every_size(fps, tmp_path):
    write_video(tmp_path / "a.mp4", grey(4), fps=fps)
    np.testing.assert_allclose(shown(tmp_path / "a.mp4")[0], np.arange(4) / fps)


def test_frames_of_one_time_stay_apart(tmp_path):
    write_video(tmp_path / "a.mp4", grey(4), fps=25, times=[0, 0.5, 0.5, 0.6])
    found, _, _ = shown(tmp_path / "a.mp4")
    np.testing.assert_allclose(found, [0, 0.5, 0.5, 0.6], atol=2e-5)
    assert min(np.diff(found)) > 0


def test_a_container_without_time_stamps_takes_the_nearest_place(tmp_path):
    path = tmp_path / "a.avi"
    write_video(path, grey(4), fps=25, times=[0, 0.041, 0.079, 1], codec="mpeg4")
    np.testing.assert_allclose(shown(path)[0], [0, 0.04, 0.08, 1])


@pytest.mark.parametrize(
    "times, message",
    [
        ([0, 1, 0.5], "`times` to rise. Received: 0.5 s for frame 2, after 1 s"),
        ([0, 1], "one of `times` for every frame. Received: 2 for more"),
    ],
)
def test_wrong_times(times, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_video(tmp_path / "a.mp4", grey(4), fps=25, times=times)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("aspect", ["64/45", "1", "8/9"])
def test_pixels_keep_their_shape(aspect, tmp_path):
    aspect = fractions.Fraction(aspect)
    for suffix in ("mp4", "mkv"):
        path = tmp_path / f"a.{suffix}"
        write_video(path, grey(3), fps=25, aspect=aspect)
        assert shown(path)[2] == aspect == probe(path).aspect


# Red in ITU-R BT.709 and BT.601, 16..235: 16 + 219 Kr, 128 - 112 Kr / (1 - Kb), 240.
RED = {1: (63, 102, 240), 6: (81, 90, 240)}


@pytest.mark.parametrize("height, width, matrix", [(720, 1280, 1), (64, 96, 6)])
def test_red_is_red_for_every_player(height, width, matrix, tmp_path):
    """The samples are those of the standard, and the file says of which."""
    red = np.zeros((height, width, 3), np.uint8)
    red[..., 0] = 255
    write_video(tmp_path / "a.mp4", [red] * 2, fps=25)
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = next(container.decode(video=0))
        context = container.streams.video[0].codec_context
        assert (frame.colorspace, frame.color_range) == (matrix, 1)
        assert (context.color_primaries, context.color_trc) == (1, 1)
    for plane, sample in zip(frame.planes, RED[matrix], strict=True):
        assert abs(np.frombuffer(plane, np.uint8)[plane.line_size + 4] - sample) <= 1


@pytest.mark.parametrize("coding", [(1, 2, 1, 1), (9, 1, 9, 16), (5, 1, 5, 4)], ids=str)
def test_colours_are_coded_as_asked(coding, tmp_path):
    """Full range, BT.2020 with PQ, PAL."""
    coding = Coding("yuv420p", *coding)
    frames = [np.full((64, 96, 3), (200, 90, 40), np.uint8)] * 2
    write_video(tmp_path / "a.mp4", frames, fps=25, coding=coding)
    assert probe(tmp_path / "a.mp4").coding == coding
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = next(container.decode(video=0))
    assert np.abs(frame.to_ndarray(format="rgb24").astype(int) - frames[0]).max() <= 4
