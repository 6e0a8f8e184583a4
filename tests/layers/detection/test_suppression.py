import keras
import numpy as np
import pytest

from offkeras.layers.detection.suppression import non_max_suppression
from tests.support.detection import greedy_suppression
from tests.support.helpers import array


def random_boxes(seed, batch, count):
    """Whole pixels on a small field: many equal boxes and equal overlaps."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 40, (batch, count, 2))
    boxes = np.concatenate([start, start + rng.integers(0, 24, start.shape)], -1)
    return boxes.astype("float32"), rng.random((batch, count)) < 0.8


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.7])
@pytest.mark.parametrize("block_size", [7, 50, 256])
def test_equals_the_greedy_loop(threshold, block_size):
    boxes, valid = random_boxes(0, 3, 150)
    valid[1] = False
    keep = non_max_suppression(
        boxes,
        valid,
        iou_threshold=threshold,
        max_kept=150,
        block_size=block_size,
    )
    for image in range(3):
        expected = greedy_suppression(boxes[image], valid[image], threshold)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(keep[image]), expected)


@pytest.mark.parametrize("max_kept", [1, 10, 60])
def test_the_first_boxes_kept_do_not_depend_on_how_many_are_asked_for(max_kept):
    boxes, valid = random_boxes(1, 4, 200)
    keep = array(
        non_max_suppression(
            boxes, valid, iou_threshold=0.5, max_kept=max_kept, block_size=32
        )
    )
    for image in range(4):
        expected = np.flatnonzero(greedy_suppression(boxes[image], valid[image], 0.5))
        kept = np.flatnonzero(keep[image])
        np.testing.assert_array_equal(kept[:max_kept], expected[:max_kept])


def test_a_long_chain_of_boxes():
    """Each box overlaps the next one only: every other one stays."""
    start = np.arange(40)
    boxes = np.stack([start, 0 * start, start + 1.5, 0 * start + 1], axis=-1)
    keep = non_max_suppression(
        boxes[None].astype("float32"),
        np.ones((1, 40), bool),
        iou_threshold=0.1,
        max_kept=40,
        block_size=16,
    )
    np.testing.assert_array_equal(array(keep)[0], start % 2 == 0)


def test_compiled():
    import tensorflow as tf

    boxes, valid = random_boxes(2, 2, 120)

    def suppress(boxes, valid):
        return non_max_suppression(
            boxes, valid, iou_threshold=0.5, max_kept=40, block_size=32
        )

    compiled = tf.function(suppress, jit_compile=True)(boxes, valid)
    np.testing.assert_array_equal(array(compiled), array(suppress(boxes, valid)))
