"""PSNR and SSIM of restored frames, as the field measures them.

Frames are clipped to 0..255 and rounded first, since that is what a viewer sees.
`channel="rgb"` averages over the three channels; `"y"` measures the luma of BT.601
in its studio range (16..235), not rounded, as BasicSR does.
"""

import keras
import numpy as np
from keras import ops

LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255), 16.0  # BT.601 weights, offset

# Wang et al. 2004.
WINDOW, SIGMA = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(target, restored, *, channel="rgb"):
    """Peak signal-to-noise ratio of each image, in dB.

    Args:
        target: images `(batch, height, width, 3)` in 0..255.
        restored: images of the same shape.
        channel: `"rgb"` or `"y"`.

    Returns:
        float32 `(batch,)`; infinite where the images are identical.
    """
    target, restored = _prepare(target, channel), _prepare(restored, channel)
    error = ops.mean(ops.square(target - restored), axis=(1, 2, 3))
    decibel = 10 * ops.log10(255.0**2 / ops.maximum(error, 1e-12))
    return ops.where(ops.equal(error, 0), np.float32(np.inf), decibel)  # or NaN


def ssim(target, restored, *, channel="rgb"):
    """Structural similarity of each image (Wang et al. 2004).

    Gaussian window of 11x11 pixels with a standard deviation of 1.5, inside the
    image only; channels are averaged. Equal to `tf.image.ssim` and to the SSIM
    of BasicSR, which rounds as we do.

    Args:
        target: images `(batch, height, width, 3)` in 0..255, 11 pixels or more
            high and wide.
        restored: images of the same shape.
        channel: `"rgb"` or `"y"`.

    Returns:
        float32 `(batch,)`, 1 for identical images.
    """
    # Around mid-grey, so that variances lose no digits in float32.
    x = _prepare(target, channel) - 127.5
    y = _prepare(restored, channel) - 127.5
    mean_x, mean_y, mean_of_error = _blur(x), _blur(y), _blur(x - y)
    variances = _variance(_blur(x * x + y * y), mean_x**2 + mean_y**2)
    variance_of_error = _variance(_blur((x - y) ** 2), mean_of_error**2)
    mean_x, mean_y = mean_x + 127.5, mean_y + 127.5
    # (2 a b + C) / (a^2 + b^2 + C), as its distance from 1: no digits go where images
    # differ by little, and it never exceeds 1.
    similarity = 1 - mean_of_error**2 / (mean_x**2 + mean_y**2 + C1)
    similarity *= 1 - variance_of_error / (variances + C2)
    return ops.mean(similarity, axis=(1, 2, 3))


def _variance(mean_of_squares, square_of_mean):
    """The one less the other, which rounding may turn below zero."""
    return ops.maximum(mean_of_squares - square_of_mean, 0.0)


def _prepare(images, channel):
    """Images in 0..255 -> what is compared, float32 `(B, H, W, 3 or 1)`."""
    images = ops.cast(ops.convert_to_tensor(images), "float32")
    images = ops.round(ops.clip(images, 0, 255))
    if channel == "rgb":
        return images
    if channel != "y":
        raise ValueError(f"`channel` must be 'rgb' or 'y'. Received: {channel!r}.")
    weights, offset = LUMA
    weights = ops.convert_to_tensor(np.float32(weights))
    return ops.sum(images * weights, axis=-1, keepdims=True) + offset


def _blur(images):
    """Gaussian mean around each pixel whose window lies in the image."""
    position = np.arange(WINDOW) - WINDOW // 2
    window = np.exp(-(position**2) / (2 * SIGMA**2))
    window = np.float32(window / window.sum())
    window = np.repeat(window[:, None, None, None], images.shape[-1], axis=2)
    columns = ops.convert_to_tensor(window)  # (11, 1, C, 1)
    rows = ops.convert_to_tensor(window.transpose(1, 0, 2, 3))  # (1, 11, C, 1)
    return ops.depthwise_conv(ops.depthwise_conv(images, columns), rows)


class _ImageMean(keras.metrics.Metric):
    """Mean over images, and so over clips, of a quality measure."""

    def __init__(self, channel, **kwargs):
        if channel not in ("rgb", "y"):
            raise ValueError(f"`channel` must be 'rgb' or 'y'. Received: {channel!r}.")
        super().__init__(**kwargs)
        self.channel = channel
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def _add(self, values, sample_weight):
        weight = ops.ones_like(values)
        if sample_weight is not None:
            weight *= ops.cast(ops.reshape(sample_weight, (-1,)), self.dtype)
        self.total.assign_add(ops.sum(weight * values))
        self.count.assign_add(ops.sum(weight))

    def result(self):
        """Mean over all images so far."""
        return self.total / ops.maximum(self.count, keras.config.epsilon())

    def get_config(self):
        """Config from which the metric can be made again."""
        return {**super().get_config(), "channel": self.channel}


@keras.saving.register_keras_serializable("offkeras")
class PSNR(_ImageMean):
    """Mean over images of the peak signal-to-noise ratio, in dB.

    Images that are identical to their target have an infinite PSNR; they are
    left out of the mean and counted in `identical`. If all are, the result is
    infinite.

    Args:
        channel: `"rgb"` or `"y"`.
        name: name of the metric.

    Example:

    >>> metric = PSNR()
    >>> metric.update_state(np.zeros((1, 8, 8, 3)), np.full((1, 8, 8, 3), 2.0))
    >>> float(metric.result())
    42.11
    """

    def __init__(self, channel="rgb", *, name="psnr", **kwargs):
        super().__init__(channel, name=name, **kwargs)
        self.identical = self.add_variable((), "zeros", name="identical")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch; `sample_weight` has one weight an image."""
        values = psnr(y_true, y_pred, channel=self.channel)
        same = ops.cast(ops.isinf(values), self.dtype)
        weight = 1.0 if sample_weight is None else ops.reshape(sample_weight, (-1,))
        weight = ops.cast(weight, self.dtype)
        self._add(ops.where(same > 0, 0.0, values), weight * (1 - same))
        self.identical.assign_add(ops.sum(same))

    def result(self):
        """The mean, in dB."""
        only_identical = ops.logical_and(self.identical > 0, self.count <= 0)
        return ops.where(only_identical, np.float32(np.inf), super().result())


@keras.saving.register_keras_serializable("offkeras")
class SSIM(_ImageMean):
    """Mean over images of the structural similarity, see `ssim`.

    Args:
        channel: `"rgb"` or `"y"`.
        name: name of the metric.
    """

    def __init__(self, channel="rgb", *, name="ssim", **kwargs):
        super().__init__(channel, name=name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch; `sample_weight` has one weight an image."""
        self._add(ssim(y_true, y_pred, channel=self.channel), sample_weight)
