"""The short-term difference module of TDN."""

import keras
from keras import ops

from offkeras.layers.configured import ConfiguredLayer
from offkeras.layers.motion.frame_motion import NORM

FRAMES = 5


@keras.saving.register_keras_serializable("offkeras")
class ShortTermDifference(ConfiguredLayer):
    """Features of the differences of five frames, for the stem of a backbone.

    Wang et al. 2021, "TDN: Temporal Difference Networks", section 3.2 (S-TDM): the
    four differences of consecutive frames, averaged over 2x2, a 7x7 convolution of
    stride 2, BN, ReLU and a maximum over 3x3 of stride 2. No bias: 37,760 parameters
    with 64 filters. `DifferenceFusion` adds the result, and what a copy of the
    backbone's first stage makes of it, to the features of the middle frame.

    Args:
        filters: channels of the result.

    Input shape:
        4D tensor `(batch, height, width, 15)`: five RGB frames side by side.

    Output shape:
        4D tensor `(batch, height / 8, width / 8, filters)`: rounded down, then up
        twice.

    Raises:
        ValueError: if the input is not 4D with 15 channels.

    Example:

    >>> ShortTermDifference()(np.random.rand(2, 224, 224, 15)).shape
    (2, 28, 28, 64)
    """

    arguments = ("filters",)

    def __init__(self, filters=64, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        layers, dtype = keras.layers, {"dtype": self.dtype_policy}
        self.average = layers.AveragePooling2D(2, name="average", **dtype)
        # Padded on both sides alike, as in PyTorch.
        self.pad = layers.ZeroPadding2D(3, name="pad", **dtype)
        self.convolve = layers.Conv2D(
            filters, 7, strides=2, use_bias=False, name="convolve", **dtype
        )
        self.norm = layers.BatchNormalization(name="norm", **NORM, **dtype)
        # After ReLU a zero is no maximum but where all are zero.
        self.pool_pad = layers.ZeroPadding2D(1, name="pool_pad", **dtype)
        self.pool = layers.MaxPooling2D(3, strides=2, name="pool", **dtype)

    def build(self, input_shape):
        if len(input_shape) != 4 or input_shape[-1] != 3 * FRAMES:
            raise ValueError(
                f"ShortTermDifference expects {FRAMES} RGB frames side by side, "
                f"(batch, height, width, {3 * FRAMES}). "
                f"Received: input_shape={tuple(input_shape)}."
            )
        self.convolve.build((None, None, None, 3 * (FRAMES - 1)))
        self.norm.build((None, None, None, self.filters))

    def call(self, frames, training=None):
        # (B, H, W, 15) -> (B, H, W, 12)
        x = frames[..., 3:] - frames[..., :-3]
        x = self.convolve(self.pad(self.average(x)))
        x = ops.relu(self.norm(x, training=training))
        return self.pool(self.pool_pad(x))

    def compute_output_shape(self, input_shape):
        batch, *sides, _ = input_shape
        sides = (None if side is None else -(-(side // 2) // 4) for side in sides)
        return (batch, *sides, self.filters)
