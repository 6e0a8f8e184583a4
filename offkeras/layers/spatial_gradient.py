"""Spatial gradients of feature maps: equations 5 and 6."""

import keras
import numpy as np
from keras import ops

from offkeras.layers.configured import ConfiguredLayer

# Row-major, applied as cross-correlation (no flip), rows run downwards.
KERNELS = {
    # Equations 5 and 6. The paper calls them Sobel; the numbers are Prewitt's.
    "prewitt": (
        ((-1, 0, 1), (-1, 0, 1), (-1, 0, 1)),
        ((1, 1, 1), (0, 0, 0), (-1, -1, -1)),
    ),
    "sobel": (
        ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
        ((1, 2, 1), (0, 0, 0), (-1, -2, -1)),
    ),
    # The authors' Caffe filler: both central differences summed in one map.
    "cross": (((0, 1, 0), (-1, 0, 1), (0, -1, 0)),),
}
RADIUS = 1  # of every kernel


@keras.saving.register_keras_serializable("offkeras")
class SpatialGradient(ConfiguredLayer):
    """Spatial gradients of feature maps by a fixed depthwise convolution.

    Equations 5 and 6 of Sun et al.: every channel is correlated with a
    horizontal and a vertical kernel, so that `Fx` is right minus left and
    `Fy` is up minus down. Borders are padded with zeros. The layer has no
    weights.

    Args:
        operator: `"prewitt"` (the kernels the paper prints), `"sobel"` (rows
            weighted 1, 2, 1) or `"cross"` (the released code: right minus
            left plus up minus down, in one map instead of two).

    Input shape:
        Tensor `(..., height, width, channels)` of rank 4 or more.

    Output shape:
        Tensor `(..., height, width, 2 * channels)`: all of `Fx`, then all of
        `Fy`; `channels` for `operator="cross"`.

    Raises:
        ValueError: if the operator is unknown or the rank is below 4.

    Example:

    >>> SpatialGradient()(np.random.rand(2, 28, 28, 128)).shape
    (2, 28, 28, 256)
    """

    arguments = ("operator",)

    def __init__(self, operator="prewitt", **kwargs):
        super().__init__(**kwargs)
        if operator not in KERNELS:
            raise ValueError(
                f"`operator` must be one of {sorted(KERNELS)}. Received: {operator!r}."
            )
        self.operator = operator

    @property
    def radius(self):
        """How far, in cells, a gradient looks around the cell it belongs to."""
        return RADIUS

    def build(self, input_shape):
        if len(input_shape) < 4 or input_shape[-1] is None:
            raise ValueError(
                "SpatialGradient expects features of shape (..., height, width, "
                "channels) with a known number of channels. "
                f"Received: input_shape={tuple(input_shape)}."
            )

    def call(self, features):
        height, width, channels = ops.shape(features)[-3:]
        # (..., H, W, C) -> (N, H, W, C)
        maps = ops.reshape(features, (-1, height, width, channels))
        gradients = [self._correlate(maps, k) for k in KERNELS[self.operator]]
        if len(gradients) > 1:
            # (N, H, W, C), (N, H, W, C) -> (N, H, W, 2C)
            gradients = ops.concatenate(gradients, axis=-1)
        else:
            gradients = gradients[0]
        leading = ops.shape(features)[1:-3]
        # (N, H, W, 2C) -> (..., H, W, 2C)
        return ops.reshape(
            gradients, (-1, *leading, height, width, gradients.shape[-1])
        )

    def _correlate(self, maps, kernel):
        # XLA on a CPU runs a depthwise convolution 20 to 60 times slower than
        # shifted sums; every other runtime, LiteRT and TensorRT prefer it.
        if keras.backend.backend() == "jax":
            return _correlate_by_shifts(maps, kernel)
        kernel = np.asarray(kernel)[:, :, None, None]
        kernel = np.repeat(kernel, maps.shape[-1], axis=2)  # (3, 3, C, 1)
        kernel = ops.convert_to_tensor(kernel, dtype=maps.dtype)
        return ops.depthwise_conv(maps, kernel, padding="same")

    def compute_output_shape(self, input_shape):
        *leading, channels = input_shape
        return (*leading, channels * len(KERNELS[self.operator]))


def _correlate_by_shifts(maps, kernel):
    """The same correlation as a weighted sum of shifted maps."""
    height, width = ops.shape(maps)[1:3]
    margin = (RADIUS, RADIUS)
    padded = ops.pad(maps, ((0, 0), margin, margin, (0, 0)))
    terms = [
        weight * padded[:, row : row + height, column : column + width]
        for row, weights in enumerate(kernel)
        for column, weight in enumerate(weights)
        if weight
    ]
    return sum(terms[1:], terms[0])
