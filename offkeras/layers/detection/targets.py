"""What the two stages of a detector are trained towards."""

from keras import ops

from offkeras.layers.detection.boxes import gather, overlaps, top

POSITIVE, NEGATIVE, IGNORED = 1, 0, -1


def match_anchors(anchors, boxes, real, frames, *, positive=0.7, negative=0.3):
    """Labels of the anchors of a region proposal network.

    Ren et al. (2015), section 3.1.2. An anchor is positive if it overlaps an
    object by `positive` or more, or as much as any anchor overlaps that
    object; negative if it overlaps all objects by less than `negative`; and
    ignored otherwise, or if it is not wholly inside the image.

    Args:
        anchors: tensor `(N, 4)`.
        boxes: objects `(B, G, 4)`.
        real: booleans `(B, G)`, false for the padding.
        frames: tensor `(..., height, width, 3)`; only its size is used.
        positive: least overlap of a positive anchor.
        negative: overlap below which an anchor is negative.

    Returns:
        `(labels, indices)`, each `(B, N)`: 1, 0 or -1, and the object that the
        anchor overlaps most.
    """
    height, width = (ops.cast(size, "float32") for size in ops.shape(frames)[-3:-1])
    inside = ops.logical_and(
        ops.all(anchors[:, :2] >= 0, axis=-1),
        ops.logical_and(anchors[:, 2] <= width, anchors[:, 3] <= height),
    )
    usable = ops.logical_and(inside[:, None], real[:, None])  # (B, N, G)
    iou = ops.where(usable, overlaps(anchors, boxes), 0.0)
    best = ops.max(iou, axis=2)
    best_of_object = ops.max(iou, axis=1, keepdims=True)
    is_best = ops.logical_and(iou == best_of_object, best_of_object > 0)
    is_positive = ops.logical_or(best >= positive, ops.any(is_best, axis=2))
    labels = ops.where(best < negative, NEGATIVE, IGNORED)
    labels = ops.where(is_positive, POSITIVE, labels)
    return ops.where(inside, labels, IGNORED), ops.argmax(iou, axis=2)


def sample_anchors(labels, order, *, count=256):
    """As many positive as negative anchors, or more negatives.

    Args:
        labels: tensor `(B, N)` of 1, 0 and -1.
        order: numbers `(N,)`; the anchors with the largest are taken.
        count: anchors an image.

    Returns:
        `(indices, taken)`, each `(B, 3 * count / 2)`: the indices of at most
        `count / 2` positives, then those of negatives, and booleans that tell
        which are among the `count`.
    """
    half = count // 2
    positives, positive_indices = _first(labels == POSITIVE, order, half)
    negatives, negative_indices = _first(labels == NEGATIVE, order, count)
    num_positives = ops.sum(ops.cast(positives, "int32"), axis=1, keepdims=True)
    negatives = ops.logical_and(negatives, ops.arange(count) < count - num_positives)
    return (
        ops.concatenate([positive_indices, negative_indices], axis=1),
        ops.concatenate([positives, negatives], axis=1),
    )


def _first(mask, order, count):
    best, indices = top(ops.where(mask, order, -float("inf")), count)
    return best > -float("inf"), indices


def match_regions(rois, valid, boxes, classes):
    """Labels and objects of proposed regions.

    Girshick (2015), section 2.3: a region that overlaps an object by half or
    more is of its class, others are background.

    Args:
        rois: regions `(B, R, 4)`.
        valid: booleans `(B, R)`.
        boxes: objects `(B, G, 4)`.
        classes: `(B, G)` from 0, -1 for the padding.

    Returns:
        `(labels, objects)`: `(B, R)`, 0 for the background, 1 + class
        otherwise, and -1 where not `valid`; and the boxes `(B, R, 4)` to regress
        to.
    """
    iou = ops.where((classes >= 0)[:, None], overlaps(rois, boxes), 0.0)
    indices = ops.argmax(iou, axis=2)
    labels = ops.where(ops.max(iou, axis=2) >= 0.5, gather(classes, indices) + 1, 0)
    return ops.where(valid, labels, -1), gather(boxes, indices)
