"""Augmentation of a clip: TSN's multi-scale crops and flips, one for all segments.

Stateless: the same seed gives the same crop and flip. Frames in and out are uint8.
"""

import tensorflow as tf

from offkeras.data.pydataset.crops import EVALUATION_SCALE, POSITIONS
from offkeras.data.resize import resize, shorter_side


def multi_scale_crop(frames, *, size=224, scales=(1, 0.875, 0.75, 0.66), seed):
    """Crops a clip at a random scale, aspect and place, and resizes it.

    Height and width are drawn from `int(scale * shorter side)`, at most one scale
    apart; a length within 3 pixels of `size` becomes `size`, where that fits. The
    place is one of 13. All segments share the crop.

    Args:
        frames: uint8 `(T, H, W, C)`.
        size: height and width of the result in pixels.
        scales: fractions of the shorter side, in descending order.
        seed: integer tensor `(2,)`.

    Returns:
        uint8 `(T, size, size, C)`.
    """
    frames = tf.convert_to_tensor(frames)
    height, width = tf.unstack(tf.shape(frames)[1:3])
    base = tf.minimum(height, width)
    lengths = tf.cast(tf.cast(base, tf.float32) * tf.constant(scales), tf.int32)
    snaps = (tf.abs(lengths - size) < 3) & (size <= base)
    lengths = tf.where(snaps, size, lengths)

    ranks = range(len(scales))
    pairs = tf.constant([(i, j) for i in ranks for j in ranks if abs(i - j) <= 1])
    draw = tf.random.stateless_uniform([2], seed)
    pair = pairs[tf.cast(draw[0] * len(pairs), tf.int32)]
    crop_height, crop_width = lengths[pair[0]], lengths[pair[1]]

    place = tf.constant(POSITIONS)[tf.cast(draw[1] * len(POSITIONS), tf.int32)]
    left = place[0] * ((width - crop_width) // 4)
    top = place[1] * ((height - crop_height) // 4)
    crop = frames[:, top : top + crop_height, left : left + crop_width]
    return resize(crop, [size, size])


def mirror(frames, *, signed=False):
    """Mirrors a clip left to right.

    Args:
        frames: `(T, H, W, C)`.
        signed: whether the first of every two channels is a horizontal motion, which
            changes its sign: x becomes 255 - x. See `modalities.Modality`.

    Returns:
        The clip, of the same shape and type.
    """
    frames = tf.reverse(frames, [2])
    if not signed:
        return frames
    horizontal = tf.range(tf.shape(frames)[3]) % 2 == 0
    return tf.where(horizontal, 255 - frames, frames)


def random_flip(frames, *, seed, signed=False):
    """Mirrors all segments of a clip left to right, with probability one half.

    Args:
        frames: `(T, H, W, C)`.
        seed: integer tensor `(2,)`.
        signed: see `mirror`.

    Returns:
        The clip, of the same shape and type.
    """
    flips = tf.random.stateless_uniform([], seed) < 0.5
    return tf.where(flips, mirror(frames, signed=signed), frames)


def center_crop(frames, size):
    """The evaluation view: shorter side to `size * 256 / 224`, then the centre.

    Args:
        frames: uint8 `(T, H, W, C)`.
        size: height and width of the result in pixels.

    Returns:
        uint8 `(T, size, size, C)`.
    """
    frames, shape = evaluation_size(frames, size)
    top, left = tf.unstack((shape - size) // 2)
    return _cut(frames, top, left, size)


def ten_crops(frames, size, *, signed=False):
    """TSN's evaluation views: the corners, the centre, and their mirrors.

    Frames are scaled as for `center_crop`.

    Args:
        frames: uint8 `(T, H, W, C)`.
        size: height and width of the result in pixels.
        signed: see `mirror`.

    Returns:
        uint8 `(10, T, size, size, C)`: top left, top right, bottom left, bottom
        right, centre, then their mirrors.
    """
    frames, shape = evaluation_size(frames, size)
    bottom, right = tf.unstack(shape - size)
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right)]
    places = [*corners, (bottom // 2, right // 2)]
    crops = [_cut(frames, top, left, size) for top, left in places]
    return tf.stack(crops + [mirror(crop, signed=signed) for crop in crops])


def evaluation_size(frames, size):
    """Frames with a shorter side of `size * 256 / 224`, and their height and width."""
    return shorter_side(frames, round(size * EVALUATION_SCALE))


def _cut(frames, top, left, size):
    return tf.ensure_shape(
        frames[:, top : top + size, left : left + size],
        [frames.shape[0], size, size, frames.shape[3]],
    )
