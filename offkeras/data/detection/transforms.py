"""Resizing and mirroring frames together with their boxes.

Boxes are float32 x1, y1, x2, y2 in pixels, right and lower edges exclusive.
"""

import tensorflow as tf

from offkeras.data import resize as frames_of


def resized_size(size, *, short_side, long_side):
    """Height and width of a frame whose shorter side becomes `short_side`.

    Args:
        size: `(height, width)` of the frame.
        short_side: length of the shorter side in pixels, unless that makes the
            longer one exceed `long_side`.
        long_side: largest length of the longer side in pixels.

    Returns:
        `(height, width)`.
    """
    scale = min(short_side / min(size), long_side / max(size))
    return tuple(max(round(side * scale), 1) for side in size)


def resize(frames, boxes, size):
    """Resizes a clip and its boxes.

    Args:
        frames: uint8 `(T, H, W, 3)`.
        boxes: `(N, 4)`.
        size: new `(height, width)`, int32.

    Returns:
        The frames and the boxes.
    """
    old, new = tf.shape(frames)[1:3], tf.convert_to_tensor(size)
    scale = tf.cast(tf.reverse(new / old, [0]), tf.float32)  # of x and y
    return frames_of.resize(frames, new), boxes * tf.tile(scale, [2])


def random_flip(frames, boxes, *, seed):
    """Mirrors a clip and its boxes left to right, with probability one half.

    Args:
        frames: `(T, H, W, 3)`.
        boxes: `(N, 4)`.
        seed: integer tensor `(2,)`.

    Returns:
        The frames and the boxes, of the same shapes and types.
    """
    flips = tf.random.stateless_uniform([], seed) < 0.5
    width = tf.cast(tf.shape(frames)[2], tf.float32)
    x1, y1, x2, y2 = tf.unstack(boxes, axis=1)
    mirrored = tf.stack([width - x2, y1, width - x1, y2], axis=1)
    frames = tf.where(flips, tf.reverse(frames, [2]), frames)
    return frames, tf.where(flips, mirrored, boxes)
