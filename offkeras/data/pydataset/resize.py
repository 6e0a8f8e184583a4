"""`data.resize` without TensorFlow, to the bit."""

import numpy as np

from offkeras.video.container import MAX_PIXELS

ONE, HALF = np.float32(1), np.float32(0.5)


def resize(frames, size):
    """Scales frames by antialiased bilinear interpolation, rounded to bytes.

    Args:
        frames: uint8 `(..., H, W, C)`.
        size: `(height, width)` of the result.

    Returns:
        uint8 frames of this size.
    """
    if tuple(size) == frames.shape[-3:-1]:
        return frames
    scaled = frames.astype(np.float32)
    for axis, length in zip((-3, -2), size, strict=True):
        scaled = _along(scaled, axis, length)
    return np.clip(np.round(scaled), 0, 255).astype(np.uint8)


def shorter_side(frames, length):
    """Scales frames so that their shorter side has a length.

    Args:
        frames: uint8 `(..., H, W, C)`.
        length: in pixels.

    Returns:
        uint8 frames.

    Raises:
        ValueError: if a frame so narrow would become larger than `MAX_PIXELS`.
    """
    shape = frames.shape[-3:-1]
    check_pixels(*shape, length)
    return resize(frames, [round(side * (length / min(shape))) for side in shape])


def check_pixels(height, width, length):
    """Refuses a frame that, once its shorter side has this length, is too large."""
    scale = length / min(height, width)
    height, width = round(height * scale), round(width * scale)
    if height * width > MAX_PIXELS:
        raise ValueError(
            f"a frame of {width}x{height}, once scaled, exceeds {MAX_PIXELS} pixels."
        )


def _along(frames, axis, length):
    """Interpolates along one axis: in float32 and in this order, as TensorFlow does."""
    sources, weights = _triangles(length, frames.shape[axis])
    shape = [1] * frames.ndim
    shape[axis] = length
    total = 0
    for source, weight in zip(sources, weights, strict=True):
        total += np.take(frames, source, axis) * weight.reshape(shape)
    return total


def _triangles(length, old_length):
    """Which pixels make each new one, `(K, length)`, and their weights.

    The kernel is a triangle over two pixels, or over two new ones where those are
    larger.
    """
    step = ONE / (np.float32(length) / np.float32(old_length))
    radius = np.maximum(step, ONE)
    centres = (np.arange(length, dtype=np.float32) + HALF) * step
    first = np.ceil(centres - radius - HALF).astype(int).clip(0, old_length - 1)
    last = np.floor(centres + radius - HALF).astype(int).clip(0, old_length - 1)
    count = min(2 * int(np.ceil(radius)) + 1, old_length)
    sources = first + np.arange(count)[:, None]
    places = sources.astype(np.float32) + HALF - centres
    weights = np.maximum(ONE - np.abs(places * (ONE / radius)), 0)
    weights = np.where(sources <= last, weights, np.float32(0))
    total = np.float32(0)
    for weight in weights:  # in this order
        total = total + weight
    return np.minimum(sources, last), weights * (ONE / total)
