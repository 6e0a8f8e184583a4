"""Boxes and anchors.

A box is (x1, y1, x2, y2) in pixels of the network's input, float32, with
continuous edges: pixel 0 reaches from 0 to 1, so that x2 is one more than the
last pixel inside and the width is x2 - x1.
"""

import keras
import numpy as np
from keras import ops

# Standard deviations by which the regression targets are divided.
RPN_STD = (0.1, 0.1, 0.4, 0.4)
RCNN_STD = (0.1, 0.1, 0.2, 0.2)


def anchor_boxes(height, width, *, stride, scales, ratios):
    """Anchors of a feature map, as Faster R-CNN lays them out.

    A square with the side of one cell is reshaped to each ratio, its sides are
    rounded, and then scaled.

    Args:
        height: rows of the feature map; may be a tensor.
        width: columns of the feature map; may be a tensor.
        stride: pixels a cell.
        scales: sides of the square anchors, in cells.
        ratios: heights divided by widths.

    Returns:
        Boxes `(height * width * len(ratios) * len(scales), 4)`; scales vary
        fastest.
    """
    sides = []
    for ratio in ratios:
        side = np.round(np.sqrt(stride**2 / ratio))
        sides.append([side, np.round(side * ratio)])
    # (ratios, 1, 2), (scales, 1) -> (ratios * scales, 2)
    sides = np.array(sides)[:, None] * np.array(scales)[:, None]
    half = sides.reshape(-1, 2).astype("float32") / 2
    corners = ops.convert_to_tensor(np.concatenate([-half, half], axis=-1))
    xs, ys = ops.meshgrid(
        (ops.arange(width, dtype="float32") + 0.5) * stride,
        (ops.arange(height, dtype="float32") + 0.5) * stride,
    )
    centres = ops.stack([xs, ys, xs, ys], axis=-1)
    # (H, W, 1, 4), (A, 4) -> (H*W*A, 4)
    return ops.reshape(centres[:, :, None] + corners, (-1, 4))


def encode(anchors, boxes, std):
    """Offsets of the centre and logarithms of the sides, relative to anchors."""
    return keras.utils.bounding_boxes.encode_box_to_deltas(
        anchors, boxes, "xyxy", "xyxy", encoding_format="center_xywh", variance=std
    )


def decode(anchors, deltas, std):
    """The boxes that `encode` made into deltas."""
    return keras.utils.bounding_boxes.decode_deltas_to_boxes(
        anchors, deltas, "xyxy", "xyxy", encoded_format="center_xywh", variance=std
    )


def clip(boxes, frames):
    """Boxes cut off at the borders of `frames`, `(..., height, width, 3)`."""
    height, width = ops.shape(frames)[-3:-1]
    limits = ops.cast(ops.stack([width, height, width, height]), "float32")
    return ops.minimum(ops.maximum(boxes, 0.0), limits)


def overlaps(boxes, others):
    """Intersection over union: `(B, N, 4)`, `(B, M, 4)` -> `(B, N, M)`."""
    return keras.utils.bounding_boxes.compute_iou(boxes, others, "xyxy")


def area(boxes):
    """Areas in square pixels: `(..., 4)` -> `(...)`."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def gather(values, indices):
    """Rows of each image: `(B, N)` or `(B, N, C)`, `(B, K)` -> `(B, K[, C])`."""
    if len(values.shape) == 3:
        indices = indices[..., None]
    return ops.take_along_axis(values, indices, axis=1)


def top(scores, count):
    """The best of each image, best first; of equals, the first.

    Args:
        scores: tensor `(B, N)`; minus infinity stands for none.
        count: how many to take. Where there are fewer, index 0 with a score of
            minus infinity stands for those that are missing.

    Returns:
        `(scores, indices)`, each `(B, count)`.
    """
    if scores.shape[1] is None or scores.shape[1] < count:
        scores = ops.pad(scores, ((0, 0), (0, count)), constant_values=-np.inf)
    if keras.backend.backend() == "torch":  # whose topk takes any of equals
        indices = ops.argsort(-scores, axis=1)[:, :count]
        best = ops.take_along_axis(scores, indices, axis=1)
    else:
        best, indices = ops.top_k(scores, count)
    return best, ops.where(best > -np.inf, indices, 0)
