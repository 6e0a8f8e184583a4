"""The Optical Flow guided Feature: spatial and temporal gradients of features."""

import keras
import numpy as np
from keras import ops

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


@keras.saving.register_keras_serializable("offkeras")
class SpatialGradient(keras.layers.Layer):
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

    def __init__(self, operator="prewitt", **kwargs):
        super().__init__(**kwargs)
        if operator not in KERNELS:
            raise ValueError(
                f"`operator` must be one of {sorted(KERNELS)}. Received: {operator!r}."
            )
        self.operator = operator

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

    def get_config(self):
        return {**super().get_config(), "operator": self.operator}


def _correlate_by_shifts(maps, kernel):
    """The same correlation as a weighted sum of shifted maps."""
    height, width = ops.shape(maps)[1:3]
    padded = ops.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
    terms = [
        weight * padded[:, row : row + height, column : column + width]
        for row, weights in enumerate(kernel)
        for column, weight in enumerate(weights)
        if weight
    ]
    return sum(terms[1:], terms[0])


@keras.saving.register_keras_serializable("offkeras")
class TemporalDifference(keras.layers.Layer):
    """Temporal gradient of a sequence of feature maps.

    Equation 7 of Sun et al.: the element-wise difference f(t + Δt) - f(t)
    between the features of consecutive segments.

    Input shape:
        Tensor `(batch, segments, ...)` with at least two segments.

    Output shape:
        Tensor `(batch, segments - 1, ...)`.

    Raises:
        ValueError: if the input has fewer than two segments.

    Example:

    >>> TemporalDifference()(np.random.rand(2, 7, 28, 28, 128)).shape
    (2, 6, 28, 28, 128)
    """

    def build(self, input_shape):
        _check_segments(self, input_shape)

    def call(self, features):
        # (B, T, ...) -> (B, T-1, ...)
        return features[:, 1:] - features[:, :-1]

    def compute_output_shape(self, input_shape):
        return _drop_one_segment(input_shape)

    def get_config(self):
        # Explicit: the automatic one refuses a dtype policy object as `dtype`.
        return super().get_config()


@keras.saving.register_keras_serializable("offkeras")
class OFF(keras.layers.Layer):
    """The OFF layer: gradients of channel-reduced features in x, y and t.

    Figure 4 of Sun et al.: a 1x1 convolution, shared by all segments, reduces
    the basic features; the spatial gradients (equations 5-6) are taken of the
    earlier segment of each pair, the temporal gradient (equation 7) is the
    later minus the earlier one. T segments give T - 1 features.

    Args:
        filters: channels after the reduction; the paper uses 128 whatever the
            number of input channels.
        operator: the spatial operator, see `SpatialGradient`.
        spatial: whether to include the spatial gradients. `False` is the
            paper's OFF_T.
        temporal: whether to include the temporal gradient. `False` is the
            paper's OFF_S.
        activation: activation of the reduction.
        spatial_dropout: fraction of the spatial gradients dropped in training
            (section 5.1 adds dropout to the spatial stream).
        kernel_initializer: initializer of the 1x1 kernel.
        bias_initializer: initializer of its bias.

    Input shape:
        5D tensor `(batch, segments, height, width, channels)`.

    Output shape:
        5D tensor `(batch, segments - 1, height, width, 3 * filters)`: `Fx`,
        `Fy`, `Ft`. Without the spatial part `filters`, without the temporal
        part `2 * filters`; `operator="cross"` has one spatial map, not two.

    Raises:
        ValueError: if both parts are switched off, or the input is not 5D with
            at least two segments.

    Example:

    >>> OFF(filters=128)(np.random.rand(2, 7, 28, 28, 576)).shape
    (2, 6, 28, 28, 384)
    """

    def __init__(
        self,
        filters=128,
        *,
        operator="prewitt",
        spatial=True,
        temporal=True,
        activation="relu",
        spatial_dropout=0.0,
        kernel_initializer="he_normal",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not (spatial or temporal):
            raise ValueError(
                "OFF needs its spatial part, its temporal part or both. "
                f"Received: spatial={spatial}, temporal={temporal}."
            )
        self.filters = filters
        self.operator = operator
        self.spatial = spatial
        self.temporal = temporal
        self.spatial_dropout = spatial_dropout
        # Named after this layer, since a streaming graph calls them one by one.
        self.reduce = keras.layers.Conv2D(
            filters,
            1,
            activation=activation,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            dtype=self.dtype_policy,
            name=f"{self.name}_reduce",
        )
        self.spatial_gradient = SpatialGradient(
            operator, dtype=self.dtype_policy, name=f"{self.name}_spatial_gradient"
        )
        self.dropout = keras.layers.Dropout(
            spatial_dropout,
            dtype=self.dtype_policy,
            name=f"{self.name}_spatial_dropout",
        )
        self.temporal_difference = TemporalDifference(
            dtype=self.dtype_policy, name=f"{self.name}_temporal_difference"
        )

    def build(self, input_shape):
        if len(input_shape) != 5:
            raise ValueError(
                "OFF expects features of shape (batch, segments, height, width, "
                f"channels). Received: input_shape={tuple(input_shape)}."
            )
        _check_segments(self, input_shape)
        batch, _, *image_shape = input_shape
        self.reduce.build((batch, *image_shape))

    def call(self, features, training=None):
        segments, *image_shape = ops.shape(features)[1:]
        # (B, T, H, W, C) -> (B*T, H, W, C) -> (B*T, H, W, filters)
        reduced = self.reduce(ops.reshape(features, (-1, *image_shape)))
        # (B*T, H, W, filters) -> (B, T, H, W, filters)
        reduced = ops.reshape(reduced, (-1, segments, *image_shape[:-1], self.filters))
        return self.gradients(reduced, training=training)

    def gradients(self, reduced, training=None):
        """Gradients of features that are reduced already.

        A streaming caller keeps the reduced features of the last frame and
        passes the pair, so that no frame is reduced twice.

        Args:
            reduced: tensor `(batch, segments, height, width, filters)`.
            training: whether dropout is active.
        """
        parts = []
        if self.spatial:
            spatial = self.spatial_gradient(reduced[:, :-1])
            parts.append(self.dropout(spatial, training=training))
        if self.temporal:
            parts.append(self.temporal_difference(reduced))
        # (B, T-1, H, W, 2*filters), (B, T-1, H, W, filters)
        # -> (B, T-1, H, W, 3*filters)
        return ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]

    def compute_output_shape(self, input_shape):
        maps = len(KERNELS[self.operator]) * self.spatial + self.temporal
        *leading, _ = _drop_one_segment(input_shape)
        return (*leading, maps * self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "operator": self.operator,
            "spatial": self.spatial,
            "temporal": self.temporal,
            "activation": keras.activations.serialize(self.reduce.activation),
            "spatial_dropout": self.spatial_dropout,
            "kernel_initializer": keras.initializers.serialize(
                self.reduce.kernel_initializer
            ),
            "bias_initializer": keras.initializers.serialize(
                self.reduce.bias_initializer
            ),
        }


def _check_segments(layer, input_shape):
    segments = input_shape[1]
    if segments is not None and segments < 2:
        raise ValueError(
            f"{type(layer).__name__} needs at least two segments to take a "
            f"temporal difference. Received: input_shape={tuple(input_shape)}."
        )


def _drop_one_segment(shape):
    batch, segments, *rest = shape
    return (batch, None if segments is None else segments - 1, *rest)
