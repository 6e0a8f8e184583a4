"""Region proposals."""

import keras
import numpy as np
from keras import ops

from offkeras.layers.configured import ConfiguredLayer
from offkeras.layers.detection.boxes import (
    RPN_STD,
    anchor_boxes,
    area,
    clip,
    decode,
    gather,
    top,
)
from offkeras.layers.detection.suppression import non_max_suppression


@keras.saving.register_keras_serializable("offkeras")
class Proposals(ConfiguredLayer):
    """The best boxes of a region proposal network, always the same number.

    Ren et al. (2015): the anchors that look most like an object are moved by
    their deltas, clipped, and thinned out by non-maximum suppression. No
    gradient passes.

    Args:
        stride: pixels a cell of the maps.
        scales: sides of the square anchors, in cells.
        ratios: heights of the anchors divided by their widths.
        num_candidates: boxes before suppression.
        num_proposals: boxes after suppression.
        iou_threshold: overlap above which the worse of two boxes goes.

    Input shape:
        Class maps `(batch, rows, columns, anchors * 2)`: logits of background
        and object. Box maps `(batch, rows, columns, anchors * 4)`: deltas.
        Frames `(..., height, width, 3)`, of which only the size is used.

    Output shape:
        `(boxes, valid)`: boxes `(batch, num_proposals, 4)`, best first, and
        booleans `(batch, num_proposals)`, false where there are fewer.

    Example:

    >>> boxes, valid = Proposals()(
    ...     np.zeros((1, 38, 63, 18)), np.zeros((1, 38, 63, 36)),
    ...     np.zeros((1, 600, 1000, 3)),
    ... )
    >>> boxes.shape
    (1, 300, 4)
    """

    arguments = ("stride", "scales", "ratios")
    arguments += ("num_candidates", "num_proposals", "iou_threshold")

    def __init__(
        self,
        *,
        stride=16,
        scales=(8, 16, 32),
        ratios=(0.5, 1, 2),
        num_candidates=6000,
        num_proposals=300,
        iou_threshold=0.7,
        **kwargs,
    ):
        # Half precision cannot hold the coordinates of a large image.
        super().__init__(autocast=False, **kwargs)
        self.stride = stride
        self.scales = tuple(scales)
        self.ratios = tuple(ratios)
        self.num_candidates = num_candidates
        self.num_proposals = num_proposals
        self.iou_threshold = iou_threshold

    def anchors(self, maps):
        """Anchors `(rows * columns * anchors, 4)` of maps of this size."""
        return anchor_boxes(
            *ops.shape(maps)[1:3],
            stride=self.stride,
            scales=self.scales,
            ratios=self.ratios,
        )

    def call(self, class_maps, box_maps, frames):
        anchors = self.anchors(class_maps)
        count = ops.shape(anchors)[0]
        # (B, H, W, A*2) -> (B, H*W*A, 2)
        logits = ops.reshape(ops.cast(class_maps, "float32"), (-1, count, 2))
        deltas = ops.reshape(ops.cast(box_maps, "float32"), (-1, count, 4))
        # The difference of the logits orders the anchors as the softmax does.
        scores = ops.stop_gradient(logits[..., 1] - logits[..., 0])
        scores, candidates = top(scores, self.num_candidates)

        boxes = decode(
            ops.take(anchors, candidates, axis=0), gather(deltas, candidates), RPN_STD
        )
        boxes = ops.stop_gradient(clip(boxes, frames))
        # A box outside the image has no area left.
        valid = ops.logical_and(scores > -np.inf, area(boxes) > 0)

        keep = non_max_suppression(
            boxes,
            valid,
            iou_threshold=self.iou_threshold,
            max_kept=self.num_proposals,
        )
        kept, indices = top(ops.cast(keep, "float32"), self.num_proposals)
        valid = kept > 0
        boxes = ops.where(valid[..., None], gather(boxes, indices), 0.0)
        return boxes, valid

    def compute_output_spec(self, class_maps, box_maps, frames):
        shape = (class_maps.shape[0], self.num_proposals)
        return (
            keras.KerasTensor((*shape, 4), dtype="float32"),
            keras.KerasTensor(shape, dtype="bool"),
        )
