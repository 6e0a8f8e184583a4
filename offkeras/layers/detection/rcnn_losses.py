"""Losses of the regions."""

import keras
from keras import ops

from offkeras.layers.detection.boxes import RCNN_STD, encode, gather, top
from offkeras.layers.detection.losses import (
    box_losses,
    class_losses,
    masked_mean,
    masked_sum,
)
from offkeras.layers.detection.targets import match_regions

REGIONS_PER_IMAGE = 128


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
        hardness, hardest = top(hardness, REGIONS_PER_IMAGE)
        taken = hardness > -float("inf")
        return {
            "rcnn_class": masked_mean(gather(class_loss, hardest), taken),
            "rcnn_box": masked_sum(gather(box_loss, hardest), taken)
            / REGIONS_PER_IMAGE,
        }

    def compute_output_spec(self, logits, deltas, rois, valid, boxes, classes):
        return {
            name: keras.KerasTensor(logits.shape[:1], dtype="float32")
            for name in ("rcnn_class", "rcnn_box")
        }
