"""The four losses of a detector in two stages."""

import keras
from keras import ops

from offkeras.layers.boxes import RCNN_STD, RPN_STD, anchor_boxes, encode, gather, top
from offkeras.layers.detection_targets import (
    POSITIVE,
    match_anchors,
    match_regions,
    sample_anchors,
)

ANCHORS_AN_IMAGE = 256
REGIONS_AN_IMAGE = 128


@keras.saving.register_keras_serializable("offkeras")
class RPNLosses(keras.layers.Layer):
    """Losses of a region proposal network on sampled anchors.

    Args:
        stride: pixels a cell of the maps.
        scales: sides of the square anchors, in cells.
        ratios: heights of the anchors divided by their widths.
        seed: seed of the order in which anchors are drawn, the same for all
            images of a step.

    Input shape:
        Class maps and box maps as in `Proposals`; objects `(batch, objects,
        4)`; int32 classes `(batch, objects)`, -1 for padding; frames `(...,
        height, width, 3)`, of which only the size is used.

    Output shape:
        A dict of `rpn_class` and `rpn_box`, each `(batch,)`.
    """

    def __init__(self, *, stride, scales, ratios, seed, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.stride = stride
        self.scales = tuple(scales)
        self.ratios = tuple(ratios)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, class_maps, box_maps, boxes, classes, frames):
        anchors = anchor_boxes(
            *ops.shape(class_maps)[1:3],
            stride=self.stride,
            scales=self.scales,
            ratios=self.ratios,
        )
        count = ops.shape(anchors)[0]
        labels, objects = match_anchors(anchors, boxes, classes >= 0, frames)
        order = keras.random.uniform((count,), seed=self.seed_generator)
        sample, taken = sample_anchors(labels, order, count=ANCHORS_AN_IMAGE)

        # Only what was sampled: (B, H, W, A*2) -> (B, N, 2) -> (B, S, 2)
        logits = ops.reshape(ops.cast(class_maps, "float32"), (-1, count, 2))
        deltas = ops.reshape(ops.cast(box_maps, "float32"), (-1, count, 4))
        logits, deltas = gather(logits, sample), gather(deltas, sample)
        positive = ops.logical_and(taken, gather(labels, sample) == POSITIVE)
        targets = encode(
            ops.take(anchors, sample, axis=0),
            gather(boxes, gather(objects, sample)),
            RPN_STD,
        )
        class_loss = class_losses(positive, logits)
        return {
            "rpn_class": _masked_mean(class_loss, taken),
            "rpn_box": _masked_sum(box_losses(targets, deltas), positive)
            / ANCHORS_AN_IMAGE,
        }

    def get_config(self):
        return {
            **super().get_config(),
            "stride": self.stride,
            "scales": self.scales,
            "ratios": self.ratios,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("offkeras")
class RCNNLosses(keras.layers.Layer):
    """Losses of the regions that are hardest (Shrivastava et al. 2016).

    Input shape:
        Logits `(batch, regions, 1 + classes)`; deltas `(batch, regions, 4)`;
        regions `(batch, regions, 4)`; booleans `(batch, regions)` that tell
        which regions exist; objects `(batch, objects, 4)` and their classes.

    Output shape:
        A dict of `rcnn_class` and `rcnn_box`, each `(batch,)`.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, logits, deltas, rois, valid, boxes, classes):
        labels, objects = match_regions(rois, valid, boxes, classes)
        class_loss = class_losses(ops.maximum(labels, 0), logits)
        box_loss = box_losses(encode(rois, objects, RCNN_STD), deltas)
        box_loss = ops.where(labels > 0, box_loss, 0.0)

        hardness = ops.stop_gradient(class_loss + box_loss)
        hardness = ops.where(valid, hardness, -float("inf"))
        hardness, hardest = top(hardness, REGIONS_AN_IMAGE)
        taken = hardness > -float("inf")
        return {
            "rcnn_class": _masked_mean(gather(class_loss, hardest), taken),
            "rcnn_box": _masked_sum(gather(box_loss, hardest), taken)
            / REGIONS_AN_IMAGE,
        }


@keras.saving.register_keras_serializable("offkeras")
class AddLosses(keras.layers.Layer):
    """Adds the mean of named losses `(batch,)` to a model, and reports each."""

    def build(self, losses_shape):
        self.means = {name: keras.metrics.Mean(name=name) for name in losses_shape}

    def call(self, losses):
        for name, loss in losses.items():
            self.add_loss(ops.mean(loss))
            self.means[name].update_state(loss)
        return losses


def class_losses(labels, logits):
    """Cross-entropy: `(..., )`, `(..., classes)` -> `(...)`."""
    labels = ops.cast(labels, "int32")
    return keras.losses.sparse_categorical_crossentropy(
        labels, logits, from_logits=True
    )


def box_losses(targets, deltas):
    """Smooth L1 summed over the four numbers of a box: `(..., 4)` -> `(...)`."""
    targets = ops.stop_gradient(targets)
    return 4 * keras.losses.huber(targets, deltas, delta=1.0)


def _masked_sum(values, mask):
    return ops.sum(ops.where(mask, values, 0.0), axis=1)


def _masked_mean(values, mask):
    count = ops.sum(ops.cast(mask, "float32"), axis=1)
    return _masked_sum(values, mask) / ops.maximum(count, 1.0)
