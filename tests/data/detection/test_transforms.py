import numpy as np
import pytest
import tensorflow as tf

from offkeras.data.detection.transforms import random_flip, resize, resized_size


@pytest.mark.parametrize(
    "size, expected",
    [
        ((720, 1280), (562, 1000)),  # the longer side decides
        ((480, 640), (600, 800)),
        ((640, 480), (800, 600)),
        ((600, 1000), (600, 1000)),
        ((1, 5000), (1, 1000)),
    ],
)
def test_resized_size(size, expected):
    assert resized_size(size, short_side=600, long_side=1000) == expected


def filled(boxes, height, width):
    """A clip of two frames, black but for its boxes."""
    frames = np.zeros((2, height, width, 3), np.uint8)
    for x1, y1, x2, y2 in np.int32(boxes):
        frames[:, y1:y2, x1:x2] = 255
    return frames


BOXES = np.float32([[2, 4, 10, 12], [14, 8, 20, 24]])


@pytest.mark.parametrize("size", [(24, 20), (48, 60), (12, 10), (48, 20)])
def test_boxes_keep_to_their_objects_when_resized(size):
    frames, boxes = resize(filled(BOXES, 24, 20), BOXES, size)
    assert frames.shape == (2, *size, 3) and frames.dtype == tf.uint8
    expected = filled(boxes, *size)
    # Where a pixel is one on either side of the edge, it may be grey.
    assert np.mean(np.abs(np.int32(frames) - expected) > 128) < 0.01
    if size == (24, 20):
        np.testing.assert_array_equal(frames, expected)
        np.testing.assert_array_equal(boxes, BOXES)


def test_boxes_keep_to_their_objects_when_mirrored():
    clip = filled(BOXES, 24, 20)
    flipped = 0
    for seed in range(40):
        frames, boxes = random_flip(clip, BOXES, seed=[seed, 0])
        np.testing.assert_array_equal(frames, filled(boxes, 24, 20))
        again = random_flip(clip, BOXES, seed=[seed, 0])[1]
        np.testing.assert_array_equal(boxes, again)
        flipped += not np.array_equal(boxes, BOXES)
    assert 10 < flipped < 30


def test_without_boxes():
    none = np.zeros((0, 4), np.float32)
    _, boxes = resize(filled([], 24, 20), none, (12, 10))
    assert boxes.shape == (0, 4)
    assert random_flip(filled([], 24, 20), none, seed=[0, 0])[1].shape == (0, 4)
