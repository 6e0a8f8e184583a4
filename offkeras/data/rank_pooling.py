"""Dynamic images: the frames of a window in one, by approximate rank pooling."""

import numpy as np
import tensorflow as tf

# What a pooled value is multiplied by and set on, so that it fits into a byte.
SCALE, REST = 0.1, 128.0


def coefficients(count):
    """Weights of the frames of a window.

    Bilen et al. 2016, "Dynamic Image Networks for Action Recognition", section 3.2:
    alpha_t = sum of (2 k - N - 1) / k over k = t..N. They add up to zero, and the
    later frames outweigh the earlier ones: what they make of a window is the first
    step of a descent towards the direction in which its running means are in order.

    Args:
        count: frames of a window, N.

    Returns:
        float32 array `(count,)`; of a single frame 1, which leaves it as it is.
    """
    if count == 1:
        return np.ones(1, np.float32)
    k = np.arange(1, count + 1)
    # The sums from k = t on, for every t.
    return np.cumsum(((2 * k - count - 1) / k)[::-1])[::-1].astype(np.float32)


def pool(frames, channels):
    """The dynamic image of frames side by side.

    Args:
        frames: uint8 `(..., N * channels)`, frame by frame.
        channels: of a frame.

    Returns:
        uint8 `(..., channels)`: a tenth of the pooled frames, as the authors scale
        them, on 128, rounded and clipped.
    """
    count = frames.shape[-1] // channels
    shape = tf.concat([tf.shape(frames)[:-1], [count, channels]], axis=0)
    # (..., N * C) -> (..., N, C) -> (..., C)
    parts = tf.reshape(tf.cast(frames, tf.float32), shape)
    pooled = tf.einsum("...nc,n->...c", parts, coefficients(count))
    return tf.saturate_cast(tf.round(REST + SCALE * pooled), tf.uint8)
