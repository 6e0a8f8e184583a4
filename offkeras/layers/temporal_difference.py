"""Temporal gradients of feature maps: equation 7."""

import keras
from keras import ops

from offkeras.layers.configured import ConfiguredLayer


@keras.saving.register_keras_serializable("offkeras")
class TemporalDifference(ConfiguredLayer):
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
        segments = input_shape[1]
        if segments is not None and segments < 2:
            raise ValueError(
                "TemporalDifference needs at least two segments. "
                f"Received: input_shape={tuple(input_shape)}."
            )

    def call(self, features):
        # (B, T, ...) -> (B, T-1, ...)
        return later(features) - earlier(features)

    def compute_output_shape(self, input_shape):
        batch, segments, *rest = input_shape
        return (batch, None if segments is None else segments - 1, *rest)


def earlier(features):
    """All segments but the last, `(B, T, ...)` -> `(B, T-1, ...)`."""
    return _segments(features, 0, ops.shape(features)[1] - 1)


def later(features):
    """All segments but the first, `(B, T, ...)` -> `(B, T-1, ...)`."""
    return _segments(features, 1, -1)


def _segments(features, first, count):
    if keras.backend.backend() != "tensorflow":
        return features[:, first:] if first else features[:, :count]
    # TensorFlow takes many times as long for the gradient of `features[:, 1:]`.
    others = len(features.shape) - 2
    part = ops.slice(features, [0, first, *[0] * others], [-1, count, *[-1] * others])
    if isinstance(count, int):
        return part
    # A number of segments that is not known hides the other sides.
    return ops.reshape(part, (-1, count, *ops.shape(features)[2:]))
