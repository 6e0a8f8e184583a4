"""Losses of the region proposals."""

import keras
from keras import ops

from offkeras.layers.configured import ConfiguredLayer
from offkeras.layers.detection.boxes import RPN_STD, anchor_boxes, encode, gather
from offkeras.layers.detection.losses import (
    box_losses,
    class_losses,
    masked_mean,
    masked_sum,
)
from offkeras.layers.detection.targets import POSITIVE, match_anchors, sample_anchors

ANCHORS_PER_IMAGE = 256


@keras.saving.register_keras_serializable("offkeras")
class RPNLosses(ConfiguredLayer):
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

    arguments = ("stride", "scales", "ratios", "seed")

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
        sample, taken = sample_anchors(labels, order, count=ANCHORS_PER_IMAGE)

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
            "rpn_class": masked_mean(class_loss, taken),
            "rpn_box": masked_sum(box_losses(targets, deltas), positive)
            / ANCHORS_PER_IMAGE,
        }

    def compute_output_spec(self, class_maps, box_maps, boxes, classes, frames):
        return {
            name: keras.KerasTensor(class_maps.shape[:1], dtype="float32")
            for name in ("rpn_class", "rpn_box")
        }
