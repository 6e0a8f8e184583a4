import numpy as np

from offkeras.layers.detection.boxes import anchor_boxes
from offkeras.layers.detection.rcnn_losses import RCNNLosses
from offkeras.layers.detection.rpn_losses import RPNLosses
from offkeras.layers.detection.targets import match_anchors, match_regions
from tests.support import detection
from tests.support.helpers import array, random

RPN_STD, RCNN_STD = (0.1, 0.1, 0.4, 0.4), (0.1, 0.1, 0.2, 0.2)
BOXES = np.array(
    [[[10, 10, 30, 26], [40, 20, 60, 44]], [[-1, -1, -1, -1]] * 2], "float32"
)
CLASSES = np.array([[2, 0], [-1, -1]], "int32")
FRAMES = np.zeros((2, 1, 64, 96, 3), "float32")
ANCHORS = {"stride": 16, "scales": (1, 1.5), "ratios": (1,)}


def cross_entropy(label, logits):
    return -np.log(detection.softmax(logits)[label])


def test_rpn_losses():
    """Fewer than 128 positives and 256 anchors: all of them are taken."""
    class_maps, box_maps = random(2, 4, 6, 4), random(2, 4, 6, 8, seed=1)
    layer = RPNLosses(**ANCHORS, seed=0)
    losses = layer(class_maps, box_maps, BOXES, CLASSES, FRAMES)
    anchors = array(anchor_boxes(4, 6, **ANCHORS))
    labels, objects = map(array, match_anchors(anchors, BOXES, CLASSES >= 0, FRAMES))
    logits, deltas = class_maps.reshape(2, -1, 2), box_maps.reshape(2, -1, 4)
    for image in range(2):
        used = np.flatnonzero(labels[image] >= 0)
        expected = np.mean(
            [cross_entropy(int(labels[image, k]), logits[image, k]) for k in used]
        )
        np.testing.assert_allclose(losses["rpn_class"][image], expected, rtol=1e-5)
        expected = 0
        for k in np.flatnonzero(labels[image] == 1):
            box = BOXES[image, int(objects[image, k])]
            target = detection.encode(anchors[k], box, RPN_STD)
            expected += detection.smooth_l1(deltas[image, k] - target) / 256
        np.testing.assert_allclose(losses["rpn_box"][image], expected, rtol=1e-4)
    assert (labels[0] == 1).any()
    assert losses["rpn_box"][1] == 0  # no objects


def test_the_draw_of_anchors_follows_from_the_seed_and_the_step():
    arrays = random(2, 16, 24, 4), random(2, 16, 24, 8), BOXES, CLASSES
    frames = np.zeros((2, 1, 256, 384, 3), "float32")

    def draws(seed):
        layer = RPNLosses(**ANCHORS, seed=seed)
        return [array(layer(*arrays, frames)["rpn_class"]) for _ in range(2)]

    first, second = draws(0)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(draws(0), [first, second])
    assert not np.array_equal(draws(1)[0], first)


def test_the_draw_does_not_depend_on_the_other_images_of_a_batch():
    maps = random(2, 16, 24, 4), random(2, 16, 24, 8)
    frames = np.zeros((2, 1, 256, 384, 3), "float32")
    whole = RPNLosses(**ANCHORS, seed=3)(*maps, BOXES, CLASSES, frames)
    for image in range(2):
        one = slice(image, image + 1)
        part = RPNLosses(**ANCHORS, seed=3)(
            *(x[one] for x in (*maps, BOXES, CLASSES, frames))
        )
        for name, loss in part.items():
            np.testing.assert_allclose(loss[0], whole[name][image], rtol=1e-5)


def test_rcnn_losses_are_those_of_the_hardest_128():
    rng = np.random.default_rng(0)
    rois = rng.integers(0, 40, (2, 200, 4)).astype("float32")
    rois[..., 2:] = rois[..., :2] + rng.integers(4, 30, (2, 200, 2))
    rois[0, :40] = np.repeat(BOXES[0], 20, axis=0) + rng.integers(-3, 4, (40, 4))
    valid = rng.random((2, 200)) < 0.9
    logits, deltas = 2 * random(2, 200, 4), random(2, 200, 4, seed=1)
    losses = RCNNLosses()(logits, deltas, rois, valid, BOXES, CLASSES)
    labels, objects = map(array, match_regions(rois, valid, BOXES, CLASSES))
    assert (labels[0] > 0).sum() > 5
    for image in range(2):
        pairs = []
        for k in np.flatnonzero(valid[image]):
            label, box = int(labels[image, k]), 0.0
            if label > 0:
                target = detection.encode(rois[image, k], objects[image, k], RCNN_STD)
                box = detection.smooth_l1(deltas[image, k] - target)
            pairs.append((cross_entropy(label, logits[image, k]), box))
        hardest = np.array(sorted(pairs, key=sum)[-128:])
        np.testing.assert_allclose(
            losses["rcnn_class"][image], hardest[:, 0].mean(), rtol=1e-4
        )
        np.testing.assert_allclose(
            losses["rcnn_box"][image], hardest[:, 1].sum() / 128, rtol=1e-4, atol=1e-6
        )


def test_no_region_at_all_costs_nothing():
    arrays = random(2, 5, 4), random(2, 5, 4), np.zeros((2, 5, 4), "float32")
    losses = RCNNLosses()(*arrays, np.zeros((2, 5), bool), BOXES, CLASSES)
    assert (array(losses["rcnn_class"]) == 0).all()
    assert (array(losses["rcnn_box"]) == 0).all()
