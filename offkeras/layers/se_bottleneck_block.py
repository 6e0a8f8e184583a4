"""The bottleneck residual block with squeeze and excitation."""

import keras

from offkeras.layers.bottleneck_block import BottleneckBlock


@keras.saving.register_keras_serializable("offkeras")
class SEBottleneckBlock(BottleneckBlock):
    """Bottleneck whose residual is gated channel by channel before the sum.

    Squeeze and excitation of Hu et al. (2018): the means of the channels pass
    two dense layers, whose sigmoid scales the channels. Section 6 of Sun et
    al. refines OFF with such blocks.

    Args:
        filters: channels inside the bottleneck; four times as many leave it.
        reduction: by how much the first dense layer divides the channels.
        kwargs: see `BottleneckBlock`.

    Input shape:
        4D tensor `(batch, height, width, channels)`.

    Output shape:
        4D tensor `(batch, ceil(height / strides), ceil(width / strides),
        4 * filters)`.

    Example:

    >>> SEBottleneckBlock(64, strides=2)(np.zeros((2, 28, 28, 384))).shape
    (2, 14, 14, 256)
    """

    def __init__(self, filters, *, reduction=16, **kwargs):
        super().__init__(filters, **kwargs)
        self.reduction = reduction

    def build(self, input_shape):
        super().build(input_shape)
        channels = self._output_filters()
        self.squeeze = keras.layers.GlobalAveragePooling2D(
            keepdims=True, dtype=self.dtype_policy, name="squeeze"
        )
        self.excitation = [
            keras.layers.Dense(
                units,
                activation=activation,
                kernel_initializer=self.kernel_initializer.clone(),
                bias_initializer=self.bias_initializer.clone(),
                dtype=self.dtype_policy,
                name=name,
            )
            for units, activation, name in (
                (max(1, channels // self.reduction), "relu", "excite_1"),
                (channels, "sigmoid", "excite_2"),
            )
        ]
        shape = (None, 1, 1, channels)
        for dense in self.excitation:
            dense.build(shape)
            shape = dense.compute_output_shape(shape)

    def _residual(self, features):
        residual = super()._residual(features)
        gates = self.squeeze(residual)  # (B, H, W, C) -> (B, 1, 1, C)
        for dense in self.excitation:
            gates = dense(gates)
        return residual * gates

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}
