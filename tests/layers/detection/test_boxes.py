import keras
import numpy as np
import pytest

from offkeras.layers.detection import boxes as box_ops
from tests.support.helpers import array

# Printed by generate_anchors.py of py-faster-rcnn: last pixels are inside.
FASTER_RCNN_ANCHORS = [
    [-84, -40, 99, 55],
    [-176, -88, 191, 103],
    [-360, -184, 375, 199],
    [-56, -56, 71, 71],
    [-120, -120, 135, 135],
    [-248, -248, 263, 263],
    [-36, -80, 51, 95],
    [-80, -168, 95, 183],
    [-168, -344, 183, 359],
]


def test_anchors_are_those_of_faster_rcnn():
    anchors = array(
        box_ops.anchor_boxes(3, 5, stride=16, scales=(8, 16, 32), ratios=(0.5, 1, 2))
    ).reshape(3, 5, 9, 4)
    expected = np.array(FASTER_RCNN_ANCHORS) + [0, 0, 1, 1]
    for row, column in np.ndindex(3, 5):
        shift = np.array([column, row, column, row]) * 16
        np.testing.assert_array_equal(anchors[row, column], expected + shift)


def test_anchors_of_small_images():
    anchors = array(box_ops.anchor_boxes(1, 2, stride=8, scales=(3, 4.5), ratios=(1,)))
    np.testing.assert_array_equal(
        anchors,
        [[-8, -8, 16, 16], [-14, -14, 22, 22], [0, -8, 24, 16], [-6, -14, 30, 22]],
    )


def test_encode_is_equation_2_of_faster_rcnn():
    anchor, box = [10.0, 20.0, 50.0, 40.0], [20.0, 10.0, 40.0, 50.0]
    deltas = array(box_ops.encode(np.array([anchor]), np.array([[box]]), (1, 1, 2, 2)))
    np.testing.assert_allclose(
        deltas, [[[0, 0, np.log(0.5) / 2, np.log(2) / 2]]], atol=1e-6
    )


@pytest.mark.parametrize("std", [box_ops.RPN_STD, box_ops.RCNN_STD])
def test_decode_undoes_encode(std):
    rng = np.random.default_rng(0)
    anchors, boxes = (random_boxes(rng, 40) for _ in range(2))
    decoded = box_ops.decode(anchors, box_ops.encode(anchors, boxes[None], std), std)
    np.testing.assert_allclose(array(decoded)[0], boxes, atol=1e-3)


def test_clip_and_area():
    boxes = np.array([[-5.0, 2, 30, 40], [25, 3, 60, 4], [-9, -9, -1, -1]], "float32")
    clipped = box_ops.clip(boxes, np.zeros((2, 1, 30, 50, 3)))
    np.testing.assert_array_equal(
        array(clipped), [[0, 2, 30, 30], [25, 3, 50, 4], [0, 0, 0, 0]]
    )
    np.testing.assert_array_equal(array(box_ops.area(clipped)), [840, 25, 0])


def test_overlaps_have_no_extra_pixel():
    boxes = np.array([[[0.0, 0, 10, 10]]], "float32")
    others = np.array([[[5.0, 0, 15, 10], [10, 0, 20, 10], [-1, -1, -1, -1]]])
    np.testing.assert_allclose(
        array(box_ops.overlaps(boxes, others)), [[[1 / 3, 0, 0]]], atol=1e-6
    )


@pytest.mark.parametrize("count", [3, 8])
def test_top_takes_the_first_of_equals_and_pads(count):
    scores = np.array([[1, 5, 5, -np.inf, 5], [2, 1, 0, 4, 3]], "float32")
    best, indices = (keras.ops.convert_to_numpy(x) for x in box_ops.top(scores, count))
    expected = [[1, 2, 4, 0, 0, 0, 0, 0], [3, 4, 0, 1, 2, 0, 0, 0]]
    np.testing.assert_array_equal(indices, np.array(expected)[:, :count])
    number = np.array([4, 5])[:, None]
    filled = np.arange(count) >= number
    assert (np.isinf(best) == filled).all()


def test_gather():
    values = np.arange(24).reshape(2, 4, 3)
    indices = np.array([[3, 0], [1, 1]])
    np.testing.assert_array_equal(
        array(box_ops.gather(values, indices)),
        [values[0, [3, 0]], values[1, [1, 1]]],
    )
    np.testing.assert_array_equal(
        array(box_ops.gather(values[..., 0], indices)), [[9, 0], [15, 15]]
    )


def random_boxes(rng, count, size=200):
    corners = rng.uniform(0, size, (count, 2, 2))
    sides = rng.uniform(1, size / 2, (count, 2))
    start = corners[:, 0]
    return np.concatenate([start, start + sides], axis=-1).astype("float32")
