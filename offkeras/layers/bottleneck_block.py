"""The bottleneck residual block."""

import keras

from offkeras.layers.block import Block


@keras.saving.register_keras_serializable("offkeras")
class BottleneckBlock(Block):
    """Bottleneck of He et al. (2016): 1x1, 3x3 and 1x1 convolutions, a shortcut.

    Args:
        filters: channels inside the bottleneck; four times as many leave it.
        strides: strides of the 3x3 convolution and of the projection.
        expand_kernel_size: kernel size of the last convolution. The released
            graph has one block with 3.
        **kwargs: `activation`, `kernel_initializer`, `bias_initializer` and
            `zero_init_residual`, see `ResidualBlock`.

    Input shape:
        4D tensor `(batch, height, width, channels)`.

    Output shape:
        4D tensor `(batch, ceil(height / strides), ceil(width / strides),
        4 * filters)`.

    Example:

    >>> BottleneckBlock(64, strides=2)(np.zeros((2, 28, 28, 384))).shape
    (2, 14, 14, 256)
    """

    def __init__(self, filters, *, expand_kernel_size=1, **kwargs):
        super().__init__(filters, **kwargs)
        self.expand_kernel_size = expand_kernel_size

    def _convolutions(self):
        return [
            self._conv(self.filters, 1, activation="relu", name="reduce"),
            self._conv(
                self.filters, 3, strides=self.strides, activation="relu", name="conv"
            ),
            self._conv(
                self._output_filters(),
                self.expand_kernel_size,
                last=True,
                name="expand",
            ),
        ]

    def _output_filters(self):
        return 4 * self.filters

    def get_config(self):
        return {
            **super().get_config(),
            "expand_kernel_size": self.expand_kernel_size,
        }
