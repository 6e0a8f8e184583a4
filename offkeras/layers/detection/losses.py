"""Losses of classes and boxes, and their means over what was drawn."""

import keras
from keras import ops


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


def masked_sum(values, mask):
    """Sum over the regions in the mask: `(batch, regions)`, twice -> `(batch,)`."""
    return ops.sum(ops.where(mask, values, 0.0), axis=1)


def masked_mean(values, mask):
    """Mean over the regions in the mask; zero where there is none."""
    count = ops.sum(ops.cast(mask, "float32"), axis=1)
    return masked_sum(values, mask) / ops.maximum(count, 1.0)
