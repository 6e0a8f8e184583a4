import json

import numpy as np
import pytest
import tensorflow as tf

from offkeras.layers import Detections
from tests.support import detection
from tests.support.helpers import array, random

STD = (0.1, 0.1, 0.2, 0.2)
FRAMES = np.zeros((1, 60, 80, 3), "float32")


def inputs(batch=2, regions=40, classes=3):
    rng = np.random.default_rng(0)
    start = rng.uniform(0, 50, (batch, regions, 2))
    sides = rng.uniform(5, 40, (batch, regions, 2))
    rois = np.concatenate([start, start + sides], axis=-1).astype("float32")
    logits = 2 * random(batch, regions, 1 + classes)
    valid = rng.random((batch, regions)) < 0.8
    return logits, random(batch, regions, 4, seed=1), rois, valid


def detections_by_loop(logits, deltas, rois, valid, *, score, iou, most):
    """(score, class, box) of one image."""
    found = []
    probabilities = detection.softmax(logits)[:, 1:]
    boxes = np.array(
        [
            detection.clip(detection.decode(roi, delta, STD), 60, 80)
            for roi, delta in zip(rois, deltas, strict=True)
        ]
    )
    for index in range(probabilities.shape[1]):
        scores = probabilities[:, index]
        order = np.argsort(-scores, kind="stable")
        accepted = valid[order] & (scores[order] > score)
        keep = order[detection.greedy_suppression(boxes[order], accepted, iou)]
        found += [(scores[k], index, boxes[k]) for k in keep]
    return sorted(found, key=lambda one: -one[0])[:most]


@pytest.mark.parametrize(
    ("score", "iou", "most"), [(1e-3, 0.3, 300), (0.2, 0.5, 300), (1e-3, 0.3, 20)]
)
def test_equals_a_loop_over_the_regions(score, iou, most):
    layer = Detections(score_threshold=score, iou_threshold=iou, max_detections=most)
    arrays = inputs()
    outputs = layer(*arrays, FRAMES)
    assert outputs["classes"].dtype == outputs["count"].dtype == tf.int32
    outputs = {name: array(value) for name, value in outputs.items()}
    for image in range(2):
        expected = detections_by_loop(
            *(values[image] for values in arrays), score=score, iou=iou, most=most
        )
        count = len(expected)
        assert count == most or most == 300
        assert outputs["count"][image] == count
        scores, classes, boxes = map(np.array, zip(*expected, strict=True))
        np.testing.assert_allclose(outputs["scores"][image, :count], scores, atol=1e-6)
        np.testing.assert_array_equal(outputs["classes"][image, :count], classes)
        np.testing.assert_allclose(outputs["boxes"][image, :count], boxes, atol=1e-3)
        assert (outputs["scores"][image, count:] == 0).all()
        assert (outputs["boxes"][image, count:] == 0).all()
        assert (outputs["classes"][image, count:] == -1).all()


def test_nothing_found():
    logits, deltas, rois, valid = inputs()
    outputs = Detections()(logits, deltas, rois, np.zeros_like(valid), FRAMES)
    assert (array(outputs["count"]) == 0).all()
    assert (array(outputs["classes"]) == -1).all()


def test_configuration():
    options = {"score_threshold": 0.1, "iou_threshold": 0.4, "max_detections": 9}
    config = Detections(**options).get_config()
    assert {name: config[name] for name in options} == options
    clone = Detections.from_config(json.loads(json.dumps(config)))
    assert clone(*inputs(), FRAMES)["scores"].shape == (2, 9)
    defaults = Detections().get_config()
    assert [defaults[name] for name in options] == [1e-3, 0.3, 300]


def test_compiled():
    arrays = inputs()
    layer = Detections(max_detections=30)
    compiled = tf.function(layer, jit_compile=True)(*arrays, FRAMES)
    for name, value in layer(*arrays, FRAMES).items():
        np.testing.assert_allclose(array(compiled[name]), array(value), atol=1e-3)
