"""What the residual blocks share: no batch normalisation (section 4.1.3)."""

import keras


class Block(keras.layers.Layer):
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
        return keras.layers.Conv2D(
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
