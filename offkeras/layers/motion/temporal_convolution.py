"""The channel-wise temporal convolution of TSM and TDN."""

import keras
import numpy as np
from keras import ops

from offkeras.layers.configured import ConfiguredLayer


@keras.saving.register_keras_serializable("offkeras")
class TemporalConvolution(ConfiguredLayer):
    """A convolution of three frames for each channel that starts as a shift.

    Wang et al. 2021 (TDN), after Lin et al. 2019 (TSM): at first one of every
    `divisor` parts of the channels is that of the next frame, another that of the
    frame before, the rest stay. Beyond the ends of a clip there are zeros. Three
    parameters a channel.

    Args:
        divisor: of the channels, one part is shifted back and one forth.

    Input shape:
        5D tensor `(batch, segments, height, width, channels)`.

    Output shape:
        The same.

    Raises:
        ValueError: if the input is not 5D.

    Example:

    >>> TemporalConvolution()(np.random.rand(2, 7, 28, 28, 64)).shape
    (2, 7, 28, 28, 64)
    """

    arguments = ("divisor",)

    def __init__(self, divisor=8, **kwargs):
        super().__init__(**kwargs)
        self.divisor = divisor

    def build(self, input_shape):
        if len(input_shape) != 5:
            raise ValueError(
                "TemporalConvolution expects features of shape (batch, segments, "
                "height, width, channels). "
                f"Received: input_shape={tuple(input_shape)}."
            )
        self.kernel = self.add_weight(
            name="kernel", shape=(3, input_shape[-1]), initializer=self._shift
        )

    def _shift(self, shape, dtype=None):
        """Weights of the frame before, of the frame and of the next one."""
        part = shape[1] // self.divisor
        kernel = np.zeros(shape, np.float32)
        kernel[2, :part] = kernel[0, part : 2 * part] = kernel[1, 2 * part :] = 1
        return ops.convert_to_tensor(kernel, dtype)

    def call(self, clips):
        edge = ops.zeros_like(clips[:, :1])
        padded = ops.concatenate([edge, clips, edge], axis=1)
        neighbours = padded[:, :-2], clips, padded[:, 2:]
        kernel = ops.unstack(ops.cast(self.kernel, clips.dtype), 3)
        return sum(k * x for k, x in zip(kernel, neighbours, strict=True))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)
