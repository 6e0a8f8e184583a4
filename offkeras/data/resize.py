"""The one way in which frames are scaled and JPEGs decoded, in training and after."""

import tensorflow as tf

from offkeras.data.pydataset.resize import check_pixels


def resize(frames, size):
    """Scales frames by antialiased bilinear interpolation, rounded to bytes.

    Args:
        frames: uint8 `(..., H, W, C)` of rank 3 or 4.
        size: `(height, width)` of the result.

    Returns:
        uint8 frames of this size.
    """
    resized = tf.image.resize(frames, size, method="bilinear", antialias=True)
    return tf.saturate_cast(tf.round(resized), tf.uint8)


def shorter_side(frames, length):
    """Scales frames so that their shorter side has a length.

    Args:
        frames: uint8 `(..., H, W, C)` of rank 3 or 4.
        length: in pixels.

    Returns:
        uint8 frames, and their int32 height and width.

    Raises:
        ValueError: if a frame so narrow would become larger than `MAX_PIXELS`.
    """
    known = frames.shape[-3:-1]
    if None not in known:
        check_pixels(*known, length)
    shape = tf.shape(frames)[-3:-1]
    scale = length / tf.reduce_min(shape)
    size = tf.cast(tf.round(tf.cast(shape, tf.float64) * scale), tf.int32)
    return resize(frames, size), size


def decode_jpeg(jpeg, channels=3):
    """Decodes a JPEG as libjpeg does by default; TensorFlow's own default is faster
    and up to 18 levels off.

    Args:
        jpeg: scalar string tensor.
        channels: 3 for RGB, 1 for grey.

    Returns:
        uint8 `(H, W, channels)`.
    """
    return tf.io.decode_jpeg(jpeg, channels=channels, dct_method="INTEGER_ACCURATE")
