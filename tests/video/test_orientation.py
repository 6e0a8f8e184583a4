"""Videos that are shown turned, mirrored or both."""

import fractions
import itertools
import pathlib

import av
import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

from offkeras import inference
from offkeras.video import isolated, iterate_frames, probe, read_frames
from offkeras.video.container import VideoError
from tests.video.test_reading import shown_by_matrix

TURNS = list(itertools.product((0, 90, 180, 270), (False, True), (False, True)))
CORNERS = [(0, 160, 0), (200, 0, 0), (250, 250, 250), (0, 0, 200)]  # in reading order


def corners(height=64, width=96):
    """A picture that looks different at every turn."""
    image = np.zeros((height, width, 3), np.uint8)
    for colour, (y, x) in zip(CORNERS, itertools.product((0, 1), (0, 1)), strict=True):
        half = slice(y * height // 2, (y + 1) * height // 2)
        image[half, x * width // 2 : (x + 1) * width // 2] = colour
    return image


@pytest.fixture
def turned(tmp_path):
    """Function that writes a video with a display matrix."""

    def write(name, *turn, matrix=None, aspect=None):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"crf": "8"})
            stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
            if aspect:
                stream.codec_context.sample_aspect_ratio = fractions.Fraction(aspect)
            if matrix is not None:
                stream.set_display_matrix(matrix)
            else:
                stream.set_display_rotation(*turn)
            for _ in np.arange(3):
                frame = av.VideoFrame.from_ndarray(corners(), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize("turn", TURNS)
def test_every_turn_and_mirror(turn, turned, decode_all, identity, tmp_path):
    """Read, read apart and restored as the matrix in the bytes of the file says."""
    path = turned("a.mp4", *turn)
    _, stored = decode_all(path)
    expected = shown_by_matrix(path, stored[0])
    np.testing.assert_array_equal(read_frames(path, [0])[0], expected)
    np.testing.assert_array_equal(next(iterate_frames(path))[1], expected)
    np.testing.assert_array_equal(next(isolated.iterate_frames(path))[1], expected)
    info = probe(path)
    assert (info.height, info.width) == expected.shape[:2]

    inference.restore_file(path, tmp_path / "out.mp4", identity, crf=4)
    restored = decode_all(str(tmp_path / "out.mp4"))[1][0]  # without a matrix
    assert np.abs(restored.astype(int) - expected).mean() < 4


@pytest.mark.parametrize("suffix", ["mov", "mkv"])
def test_other_containers(suffix, turned, decode_all):
    """Matroska knows turns alone."""
    for turn in TURNS if suffix == "mov" else [(90,), (180,), (270,)]:
        path = turned(f"a.{suffix}", *turn)
        as_mp4 = turned("a.mp4", *turn)
        np.testing.assert_array_equal(read_frames(path, [0]), read_frames(as_mp4, [0]))


@pytest.mark.parametrize("place", range(1, 9))
def test_exif_in_a_motion_jpeg(place, tmp_path):
    """Pillow knows the eight places too. Exif is side data that PyAV has no name of."""
    exif = PIL.Image.Exif()
    exif[0x0112] = place
    PIL.Image.fromarray(corners()).save(tmp_path / "a.jpg", exif=exif, quality=95)
    path = tmp_path / "a.mjpeg"
    path.write_bytes((tmp_path / "a.jpg").read_bytes() * 3)
    with PIL.Image.open(tmp_path / "a.jpg") as image:
        expected = np.array(PIL.ImageOps.exif_transpose(image).convert("RGB"))
    frames = read_frames(path, [0, 2])
    assert frames[0].shape == expected.shape
    assert np.abs(frames.astype(int) - expected).mean() < 4


def test_a_turned_pixel_stays_wide_or_becomes_high(turned, identity, tmp_path):
    for turn, expected in (((90,), "45/64"), ((0, True), "64/45"), ((180,), "64/45")):
        path = turned("a.mp4", *turn, aspect="64/45")
        inference.restore_file(path, tmp_path / "out.mp4", identity)
        with av.open(str(tmp_path / "out.mp4")) as container:
            assert str(container.streams.video[0].sample_aspect_ratio) == expected


@pytest.mark.parametrize(
    "matrix",
    [(46341, 46341, 0, -46341, 46341), (65536, 0, 0, 65536, 0), (1, 1, 0, 1, 1)],
)
def test_any_other_matrix_is_named(matrix, turned):
    path = turned("a.mp4", matrix=(*matrix, 0, 0, 0, 2**30))
    with pytest.raises(VideoError, match="a.mp4: is not shown upright: expected quar"):
        read_frames(path, [0])


def test_the_scale_of_a_matrix_is_not_its_turn(turned):
    path = turned("a.mp4", matrix=(-131072, 0, 0, 0, 65536, 0, 0, 0, 2**30))
    frame = read_frames(pathlib.Path(path), [0])[0]
    expected = corners()[:, ::-1]
    assert np.abs(frame.astype(int) - expected).mean() < 6
