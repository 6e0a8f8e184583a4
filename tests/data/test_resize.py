"""The one way in which frames are scaled and JPEGs decoded."""

import io

import numpy as np
import PIL.Image
import pytest

from offkeras.data import center_crop, read_frames, sample_video, write_video
from offkeras.data.detection import transforms
from offkeras.data.resize import decode_jpeg, resize, shorter_side
from offkeras.video import VideoError


@pytest.fixture(scope="module")
def frames():
    return read_frames(sample_video("bikes.mp4"), [3, 40])  # 272 x 640


def scaled(length):
    return lambda frame: shorter_side(frame, length)[0].numpy()


def test_frames_shrink_as_by_another_library(frames):
    """PIL's bilinear filter covers all pixels under it too, on integers."""
    size = (90, 151)
    expected = [
        PIL.Image.fromarray(frame).resize(size[::-1], PIL.Image.Resampling.BILINEAR)
        for frame in frames
    ]
    found = resize(frames, size).numpy().astype(int)
    assert np.abs(found - np.stack(expected)).max() <= 1


def test_the_same_frame_has_the_same_pixels(frames):
    """Read and scaled one by one, as a clip, for detection, and cropped."""
    clip, size = shorter_side(frames, 128)
    assert clip.shape == (2, 128, round(640 * 128 / 272), 3)
    read = read_frames(sample_video("bikes.mp4"), [3, 40], transform=scaled(128))
    np.testing.assert_array_equal(read, clip)
    boxed, _ = transforms.resize(frames, np.zeros((0, 4), np.float32), size)
    np.testing.assert_array_equal(boxed, clip)
    # Its frames are scaled to 112 * 256 / 224 = 128; what has that size stays.
    np.testing.assert_array_equal(center_crop(frames, 112), center_crop(clip, 112))


def test_jpegs_are_decoded_as_by_another_library(frames):
    for subsampling in (0, 2):  # 4:4:4 and 4:2:0
        file = io.BytesIO()
        PIL.Image.fromarray(frames[0]).save(file, "JPEG", subsampling=subsampling)
        expected = np.array(PIL.Image.open(file)).astype(int)
        assert np.abs(decode_jpeg(file.getvalue()).numpy() - expected).max() <= 1


def test_narrow_frames_are_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "narrow.mp4"
    narrow = [np.zeros((2, 4096, 3), np.uint8)] * 2
    write_video(path, narrow, fps=5, codec="mpeg4")
    frames = read_frames(path, [0], transform=scaled(4))
    assert frames.shape == (1, 4, 8192, 3)
    with pytest.raises(VideoError, match=r"narrow\.mp4: .* exceeds 67108864 pixels"):
        read_frames(path, [0], transform=scaled(256))
    with pytest.raises(ValueError, match="exceeds 67108864 pixels"):
        center_crop(np.stack(narrow), 224)
