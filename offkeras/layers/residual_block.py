"""The basic residual block."""

import keras

from offkeras.layers.block import Block


@keras.saving.register_keras_serializable("offkeras")
class ResidualBlock(Block):
    """Basic block of He et al. (2016): two 3x3 convolutions and a shortcut.

    The block of ResNet-20, without its normalisation. Where the shape changes,
    a strided 1x1 convolution projects the shortcut.

    Args:
        filters: output channels.
        strides: strides of the first convolution and of the projection.
        activation: activation after the sum; the inner one is always ReLU.
        kernel_initializer: initializer of all kernels.
        bias_initializer: initializer of all biases.
        zero_init_residual: starts the last convolution at zero, so that a deep
            stack without normalisation starts as its shortcuts and trains
            (Zhang et al. 2019, "Fixup Initialization").

    Input shape:
        4D tensor `(batch, height, width, channels)`.

    Output shape:
        4D tensor `(batch, ceil(height / strides), ceil(width / strides),
        filters)`.

    Example:

    >>> ResidualBlock(64, strides=2)(np.zeros((2, 28, 28, 384))).shape
    (2, 14, 14, 64)
    """

    def _convolutions(self):
        return [
            self._conv(
                self.filters, 3, strides=self.strides, activation="relu", name="conv1"
            ),
            self._conv(self.filters, 3, last=True, name="conv2"),
        ]

    def _output_filters(self):
        return self.filters
