"""The Optical Flow guided Feature: spatial and temporal gradients of features."""

import keras
from keras import ops

from offkeras.layers.gradients import Gradients


@keras.saving.register_keras_serializable("offkeras")
class OFF(Gradients):
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
        target: index of the one segment whose spatial gradients are taken, see
            `Gradients`. Default: those of the earlier segment of each pair.
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
        target=None,
        kernel_initializer="he_normal",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(
            operator=operator,
            spatial=spatial,
            temporal=temporal,
            spatial_dropout=spatial_dropout,
            target=target,
            **kwargs,
        )
        self.filters = filters
        self.reduce = keras.layers.Conv2D(
            filters,
            1,
            activation=activation,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            dtype=self.dtype_policy,
            name=f"{self.name}_reduce",
        )

    def build(self, input_shape):
        super().build(input_shape)
        batch, _, *image_shape = input_shape
        self.reduce.build((batch, *image_shape))

    def call(self, features, training=None):
        segments, *image_shape = ops.shape(features)[1:]
        # (B, T, H, W, C) -> (B*T, H, W, C) -> (B*T, H, W, filters)
        reduced = self.reduce(ops.reshape(features, (-1, *image_shape)))
        # (B*T, H, W, filters) -> (B, T, H, W, filters)
        reduced = ops.reshape(reduced, (-1, segments, *image_shape[:-1], self.filters))
        return self.gradients(reduced, training=training)

    def remember(self, frame, before=None):
        """What a frame `(B, H, W, C)` keeps for the next one, see `FrameMotion`."""
        return {"reduced": self.reduce(frame)}

    def between(self, memory, following):
        """What `call` makes of a frame and the next one, by what they keep."""
        return self.of_frames([memory["reduced"], following["reduced"]])

    def compute_output_shape(self, input_shape):
        *leading, _ = input_shape
        return super().compute_output_shape((*leading, self.filters))

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "activation": keras.activations.serialize(self.reduce.activation),
            "kernel_initializer": keras.initializers.serialize(
                self.reduce.kernel_initializer
            ),
            "bias_initializer": keras.initializers.serialize(
                self.reduce.bias_initializer
            ),
        }
