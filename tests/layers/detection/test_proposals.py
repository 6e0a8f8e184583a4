import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from offkeras.layers import Proposals
from tests.support import detection
from tests.support.helpers import array, random

STD = (0.1, 0.1, 0.4, 0.4)
OPTIONS = {
    "stride": 8,
    "scales": (2, 4),
    "ratios": (0.5, 1),
    "num_candidates": 150,
    "num_proposals": 30,
    "iou_threshold": 0.6,
}
FRAMES = np.zeros((2, 1, 50, 70, 3), "float32")
# stride 8: the square root of 64 / 0.5 is 11.3, half of 11 rounds to 6.
SIDES = [(11, 6), (8, 8)]


def inputs(seed=0):
    return random(2, 7, 9, 8, seed=seed), 2 * random(2, 7, 9, 16, seed=seed + 1)


def proposals_by_loop(class_maps, box_maps, num_candidates, num_proposals):
    results = []
    for classes, deltas in zip(class_maps, box_maps, strict=True):
        candidates = []
        for row, column in np.ndindex(7, 9):
            for index in range(4):
                side = np.array(SIDES[index // 2]) * OPTIONS["scales"][index % 2]
                centre = np.array([column * 8 + 4, row * 8 + 4])
                anchor = np.concatenate([centre - side / 2, centre + side / 2])
                delta = deltas[row, column, index * 4 : index * 4 + 4]
                background, other = classes[row, column, index * 2 : index * 2 + 2]
                box = detection.clip(detection.decode(anchor, delta, STD), 50, 70)
                candidates.append((other - background, box.astype("float32")))
        candidates.sort(key=lambda candidate: -candidate[0])
        boxes = np.array([box for _, box in candidates[:num_candidates]])
        valid = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        keep = detection.greedy_suppression(boxes, valid, OPTIONS["iou_threshold"])
        results.append(boxes[keep][:num_proposals])
    return results


@pytest.mark.parametrize(
    ("num_candidates", "num_proposals"), [(150, 30), (150, 140), (6000, 300)]
)
def test_equals_a_loop_over_the_anchors(num_candidates, num_proposals):
    numbers = {"num_candidates": num_candidates, "num_proposals": num_proposals}
    layer = Proposals(**{**OPTIONS, **numbers})
    boxes, valid = map(array, layer(*inputs(), FRAMES))
    assert boxes.shape == (2, num_proposals, 4)
    for image, expected in enumerate(proposals_by_loop(*inputs(), **numbers)):
        assert len(expected) == num_proposals or num_proposals > 30
        np.testing.assert_array_equal(
            valid[image], np.arange(num_proposals) < len(expected)
        )
        np.testing.assert_allclose(boxes[image, : len(expected)], expected, atol=1e-3)
        assert (boxes[image, len(expected) :] == 0).all()


def test_defaults_are_those_of_the_reference():
    config = Proposals().get_config()
    assert config["stride"] == 16
    assert config["scales"] == (8, 16, 32)
    assert config["ratios"] == (0.5, 1, 2)
    assert (config["num_candidates"], config["num_proposals"]) == (6000, 300)
    assert config["iou_threshold"] == 0.7


def test_configuration():
    layer = Proposals(**OPTIONS)
    config = layer.get_config()
    assert {name: config[name] for name in OPTIONS} == OPTIONS
    clone = Proposals.from_config(json.loads(json.dumps(config)))
    np.testing.assert_array_equal(
        array(clone(*inputs(), FRAMES)[0]), array(layer(*inputs(), FRAMES)[0])
    )


def test_compiled():
    layer = Proposals(**OPTIONS)
    compiled = tf.function(layer, jit_compile=True)(*inputs(), FRAMES)
    np.testing.assert_allclose(
        array(compiled[0]), array(layer(*inputs(), FRAMES)[0]), atol=1e-3
    )


def test_unknown_sizes_and_half_precision():
    maps = keras.Input((None, None, 8)), keras.Input((None, None, 16))
    frames = keras.Input((None, None, None, 3))
    model = keras.Model([*maps, frames], Proposals(**OPTIONS)(*maps, frames))
    assert model.output_shape == [(None, 30, 4), (None, 30)]
    expected = array(Proposals(**OPTIONS)(*inputs(), FRAMES)[0])
    np.testing.assert_allclose(
        array(model([*inputs(), FRAMES])[0]), expected, atol=1e-3
    )
    half = Proposals(**OPTIONS, dtype="mixed_float16")(*inputs(), FRAMES)[0]
    np.testing.assert_allclose(array(half), expected, atol=1e-3)


def test_no_gradient_passes():
    class_maps, box_maps = map(tf.Variable, inputs())
    with tf.GradientTape() as tape:
        boxes, _ = Proposals(**OPTIONS)(class_maps, box_maps, FRAMES)
        loss = tf.reduce_sum(boxes)
    assert tape.gradient(loss, [class_maps, box_maps]) == [None, None]
