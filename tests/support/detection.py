"""Detection in NumPy, box by box, and a detector small enough for tests."""

import numpy as np

from offkeras import backbones

SMALL = {
    "channels": 32,
    "dilation": 2,
    "anchor_scales": (2, 3, 4.5),
    "num_candidates": 200,
    "num_proposals": 40,
    "max_detections": 25,
}


def small_backbone(**options):
    return backbones.TinyResNet(filters=(8, 12, 16), **options)


def iou(a, b):
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    intersection = np.prod(np.maximum(sides, 0))
    union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - intersection
    return intersection / (union + np.float32(1e-7))


def greedy_suppression(boxes, valid, threshold):
    """Takes the best box left, drops what overlaps it, again and again."""
    left, keep = list(np.flatnonzero(valid)), np.zeros(len(boxes), bool)
    while left:
        best, *left = left
        keep[best] = True
        left = [other for other in left if iou(boxes[best], boxes[other]) <= threshold]
    return keep


def encode(anchor, box, std):
    """Equation 2 of Ren et al. (2015)."""
    anchor_size, size = anchor[2:] - anchor[:2], box[2:] - box[:2]
    shift = (box[:2] + box[2:] - anchor[:2] - anchor[2:]) / 2 / anchor_size
    return np.concatenate([shift, np.log(size / anchor_size)]) / std


def decode(anchor, delta, std):
    """Its inverse."""
    delta = delta * np.array(std)
    anchor_size = anchor[2:] - anchor[:2]
    centre = (anchor[:2] + anchor[2:]) / 2 + delta[:2] * anchor_size
    size = anchor_size * np.exp(delta[2:])
    return np.concatenate([centre - size / 2, centre + size / 2])


def clip(box, height, width):
    return np.clip(box, 0, [width, height, width, height])


def softmax(x):
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


def smooth_l1(x):
    x = np.abs(x)
    return np.where(x < 1, x**2 / 2, x - 0.5).sum(axis=-1)
