"""Residual blocks without batch normalisation (section 4.1.3 of Sun et al.)."""

import keras
from keras import layers


class _Block(layers.Layer):
    """What both blocks share: the shortcut, the sum and the activation after it."""

    def __init__(
        self,
        filters,
        *,
        strides=1,
        activation="relu",
        kernel_initializer="he_normal",
        bias_initializer="zeros",
        zero_init_residual=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.strides = strides
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.zero_init_residual = zero_init_residual

    def build(self, input_shape):
        self.convolutions = self._convolutions()
        shape = input_shape
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
        self.projection = None
        # Of an open size the shape does not tell.
        if self.strides != 1 or shape != tuple(input_shape):
            self.projection = self._conv(
                shape[-1], 1, strides=self.strides, name="projection"
            )
            self.projection.build(input_shape)

    def _conv(self, filters, kernel_size, *, last=False, **kwargs):
        zero = last and self.zero_init_residual
        return layers.Conv2D(
            filters,
            kernel_size,
            padding="same",
            # One initializer instance must not serve two weights.
            kernel_initializer="zeros" if zero else self.kernel_initializer.clone(),
            bias_initializer="zeros" if zero else self.bias_initializer.clone(),
            dtype=self.dtype_policy,
            **kwargs,
        )

    def call(self, features):
        shortcut = features if self.projection is None else self.projection(features)
        return self.activation(shortcut + self._residual(features))

    def _residual(self, features):
        for convolution in self.convolutions:
            features = convolution(features)
        return features

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        height, width = (
            None if size is None else -(-size // self.strides)
            for size in (height, width)
        )
        return (batch, height, width, self._output_filters())

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "zero_init_residual": self.zero_init_residual,
        }


@keras.saving.register_keras_serializable("offkeras")
class ResidualBlock(_Block):
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


@keras.saving.register_keras_serializable("offkeras")
class BottleneckBlock(_Block):
    """Bottleneck of He et al. (2016): 1x1, 3x3 and 1x1 convolutions, a shortcut.

    Args:
        filters: channels inside the bottleneck; four times as many leave it.
        strides: strides of the 3x3 convolution and of the projection.
        expand_kernel_size: kernel size of the last convolution. The released
            graph has one block with 3.
        activation: activation after the sum; the inner ones are always ReLU.
        kernel_initializer: initializer of all kernels.
        bias_initializer: initializer of all biases.
        zero_init_residual: starts the last convolution at zero, so that a deep
            stack without normalisation starts as its shortcuts and trains
            (Zhang et al. 2019, "Fixup Initialization").

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
        self.squeeze = layers.GlobalAveragePooling2D(
            keepdims=True, dtype=self.dtype_policy, name="squeeze"
        )
        self.excitation = [
            layers.Dense(
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
