"""Time folded into the batch."""

import keras
from keras import ops

from offkeras.layers.configured import ConfiguredLayer


@keras.saving.register_keras_serializable("offkeras")
class FoldTime(ConfiguredLayer):
    """Folds the segments of every clip into the batch.

    A 2D network then sees each segment as an image of its own.

    Input shape:
        Tensor `(batch, segments, ...)` of rank 3 or more.

    Output shape:
        Tensor `(batch * segments, ...)`.

    Example:

    >>> FoldTime()(np.zeros((2, 7, 28, 28, 64))).shape
    (14, 28, 28, 64)
    """

    def build(self, input_shape):
        if len(input_shape) < 3:
            raise ValueError(
                "FoldTime expects an input of shape (batch, segments, ...). "
                f"Received: input_shape={tuple(input_shape)}."
            )

    def call(self, sequence):
        # (B, T, ...) -> (B*T, ...)
        return ops.reshape(sequence, (-1, *ops.shape(sequence)[2:]))

    def compute_output_shape(self, input_shape):
        batch, segments, *rest = input_shape
        known = batch is not None and segments is not None
        return (batch * segments if known else None, *rest)
