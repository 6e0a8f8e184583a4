"""From scored regions to detections."""

import keras
from keras import ops

from offkeras.layers.configured import ConfiguredLayer
from offkeras.layers.detection.boxes import RCNN_STD, clip, decode, gather, top
from offkeras.layers.detection.suppression import non_max_suppression

# Below every probability, and finite: ONNX writes a choice as a sum of products, in
# which an infinity makes the result undefined.
REJECTED = -1.0


@keras.saving.register_keras_serializable("offkeras")
class Detections(ConfiguredLayer):
    """Final boxes of every class, always the same number.

    Boxes do not depend on the class. Every class has a non-maximum suppression
    of its own, and one region may be detected as several classes.

    Args:
        score_threshold: detections need a score above it.
        iou_threshold: overlap above which the worse of two boxes of a class
            goes.
        max_detections: boxes of an image, those that stand for none among them.

    Input shape:
        Logits `(batch, regions, 1 + classes)`, the background first; deltas
        `(batch, regions, 4)`; regions `(batch, regions, 4)`; booleans `(batch,
        regions)` that tell which regions exist; frames `(..., height, width,
        3)`, of which only the size is used.

    Output shape:
        A dict of `boxes` `(batch, max_detections, 4)`, `scores` `(batch,
        max_detections)`, best first, int32 `classes` `(batch, max_detections)`
        from 0 without the background, and their int32 `count` `(batch,)`. Those
        after them have boxes and scores of 0 and the class -1.
    """

    arguments = ("score_threshold", "iou_threshold", "max_detections")

    def __init__(
        self,
        *,
        score_threshold=1e-3,
        iou_threshold=0.3,
        max_detections=300,
        **kwargs,
    ):
        # Half precision cannot hold the coordinates of a large image.
        super().__init__(autocast=False, **kwargs)
        self.score_threshold = score_threshold
        self.iou_threshold = iou_threshold
        self.max_detections = max_detections

    def call(self, logits, deltas, rois, valid, frames):
        regions, classes = logits.shape[1], logits.shape[2] - 1
        boxes = clip(decode(rois, ops.cast(deltas, "float32"), RCNN_STD), frames)
        probabilities = ops.softmax(ops.cast(logits, "float32"), axis=-1)

        # (B, R, 1+C) -> (B, C, R) -> (B*C, R), sorted
        scores = ops.transpose(probabilities[..., 1:], (0, 2, 1))
        accepted = ops.logical_and(scores > self.score_threshold, valid[:, None])
        scores = ops.where(accepted, scores, REJECTED)
        scores, order = top(ops.reshape(scores, (-1, regions)), regions)
        # (B, R, 4), (B, C*R) -> (B, C*R, 4)
        boxes = gather(boxes, ops.reshape(order, (-1, classes * regions)))

        keep = non_max_suppression(
            ops.reshape(boxes, (-1, regions, 4)),
            scores > REJECTED,
            iou_threshold=self.iou_threshold,
            max_kept=regions,
            block_size=regions,
        )
        scores = ops.where(keep, scores, REJECTED)

        # === The best of all classes ===
        scores, best = top(
            ops.reshape(scores, (-1, classes * regions)), self.max_detections
        )
        scores = ops.maximum(scores, REJECTED)  # where there is no region too
        detected = scores > REJECTED
        return {
            "boxes": ops.where(detected[..., None], gather(boxes, best), 0.0),
            "scores": ops.where(detected, scores, 0.0),
            "classes": ops.cast(ops.where(detected, best // regions, -1), "int32"),
            "count": ops.sum(ops.cast(detected, "int32"), axis=1),
        }

    def compute_output_spec(self, logits, deltas, rois, valid, frames):
        shape = (logits.shape[0], self.max_detections)
        return {
            "boxes": keras.KerasTensor((*shape, 4), dtype="float32"),
            "scores": keras.KerasTensor(shape, dtype="float32"),
            "classes": keras.KerasTensor(shape, dtype="int32"),
            "count": keras.KerasTensor(shape[:1], dtype="int32"),
        }
