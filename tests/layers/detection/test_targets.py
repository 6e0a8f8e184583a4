import numpy as np
import pytest

from offkeras.layers.detection.boxes import anchor_boxes
from offkeras.layers.detection.targets import (
    match_anchors,
    match_regions,
    sample_anchors,
)
from tests.support import detection
from tests.support.helpers import array

FRAMES = np.zeros((1, 1, 64, 96, 3), "float32")
ANCHORS = array(anchor_boxes(8, 12, stride=8, scales=(2, 3), ratios=(0.5, 1, 2)))


def objects(seed=0):
    """Five images with 0 to 4 objects each, padded to 4 with -1."""
    rng = np.random.default_rng(seed)
    boxes = np.full((5, 4, 4), -1, "float32")
    classes = np.full((5, 4), -1, "int32")
    for image in range(5):
        start = rng.integers(0, 40, (image, 2))
        boxes[image, :image] = np.hstack(
            [start, start + rng.integers(6, 30, (image, 2))]
        )
        classes[image, :image] = rng.integers(0, 3, image)
    return boxes, classes


def labels_by_loop(boxes):
    x1, y1, x2, y2 = ANCHORS.T
    inside = (x1 >= 0) & (y1 >= 0) & (x2 <= 96) & (y2 <= 64)
    labels = np.where(inside, 0, -1)
    if not len(boxes):
        return labels
    iou = np.array([[detection.iou(a, b) for b in boxes] for a in ANCHORS])
    iou[~inside] = -1
    for anchor in np.flatnonzero(inside):
        best = iou[anchor].max()
        forced = any(iou[anchor, k] == iou[:, k].max() > 0 for k in range(len(boxes)))
        if best >= 0.7 or forced:
            labels[anchor] = 1
        elif best >= 0.3:
            labels[anchor] = -1
    return labels


def test_anchors_are_matched_as_a_loop_matches_them():
    boxes, classes = objects()
    labels, indices = map(array, match_anchors(ANCHORS, boxes, classes >= 0, FRAMES))
    assert {-1, 0, 1} == set(np.unique(labels))
    for image in range(5):
        real = boxes[image, :image]
        np.testing.assert_array_equal(labels[image], labels_by_loop(real))
        for anchor in np.flatnonzero(labels[image] == 1):
            ious = [detection.iou(ANCHORS[anchor], box) for box in real]
            assert ious[int(indices[image, anchor])] == pytest.approx(max(ious))


def test_every_object_that_an_anchor_touches_has_one():
    box = np.array([[[40.0, 30, 43, 32]]])  # no anchor overlaps it by 0.7
    labels, _ = match_anchors(ANCHORS, box, np.ones((1, 1), bool), FRAMES)
    assert (array(labels) == 1).sum() >= 1


def test_without_objects_all_anchors_inside_are_negative():
    boxes, real = np.zeros((1, 0, 4), "float32"), np.zeros((1, 0), bool)
    padded = np.full((1, 3, 4), -1.0), np.zeros((1, 3), bool)
    expected = labels_by_loop([])
    labels, _ = match_anchors(ANCHORS, *padded, FRAMES)
    np.testing.assert_array_equal(array(labels)[0], expected)
    assert (expected == 0).any() and not real.any() and not boxes.size


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"),
    [(100, 500, (16, 16)), (5, 500, (5, 27)), (0, 500, (0, 32)), (30, 4, (16, 4))],
)
def test_sample(positives, negatives, expected):
    rng = np.random.default_rng(0)
    labels = np.full(700, -1)
    labels[:positives] = 1
    labels[positives : positives + negatives] = 0
    labels = rng.permutation(labels)
    order = rng.random(700).astype("float32")
    indices, taken = map(
        array, sample_anchors(np.stack([labels, labels]), order, count=32)
    )
    assert indices.shape == taken.shape == (2, 48)
    np.testing.assert_array_equal(indices[0], indices[1])
    chosen = indices[0][taken[0] > 0].astype(int)
    for label, count in zip((1, 0), expected, strict=True):
        of_label = [index for index in chosen if labels[index] == label]
        # Those that come first in the given order, each once.
        candidates = np.flatnonzero(labels == label)
        first = candidates[np.argsort(-order[candidates])][:count]
        np.testing.assert_array_equal(of_label, first)
    assert len(chosen) == sum(expected)


def test_sample_of_fewer_anchors_than_asked_for():
    labels = np.array([[1, 0, 0, -1]])
    indices, taken = sample_anchors(labels, np.arange(4, dtype="float32"), count=256)
    chosen = array(indices)[array(taken) > 0]
    assert sorted(chosen) == [0, 1, 2]


def test_regions_are_matched_as_a_loop_matches_them():
    boxes, classes = objects(1)
    rng = np.random.default_rng(2)
    rois = np.concatenate(
        [boxes + rng.integers(-6, 7, boxes.shape), boxes, 0 * boxes], axis=1
    )
    valid = rng.random(rois.shape[:2]) < 0.9
    labels, targets = map(array, match_regions(rois, valid, boxes, classes))
    for image, region in np.ndindex(rois.shape[:2]):
        ious = [detection.iou(rois[image, region], box) for box in boxes[image, :image]]
        expected = -1 if not valid[image, region] else 0
        if valid[image, region] and ious and max(ious) >= 0.5:
            best = int(np.argmax(ious))
            expected = 1 + classes[image, best]
            np.testing.assert_array_equal(targets[image, region], boxes[image, best])
        assert labels[image, region] == expected
    assert {-1, 0} < set(np.unique(labels))
