"""Segments into the batch and back, and the consensus over them."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("offkeras")
class FoldTime(keras.layers.Layer):
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

    def get_config(self):
        # Explicit: the automatic one refuses a dtype policy object as `dtype`.
        return super().get_config()


@keras.saving.register_keras_serializable("offkeras")
class UnfoldTime(keras.layers.Layer):
    """Undoes `FoldTime`: takes the segments of every clip out of the batch.

    The number of segments is read from the sequence that was folded, so one
    model serves 7 segments in training and 25 in testing.

    Args (of the call):
        folded: tensor `(batch * segments, ...)`.
        sequence: tensor `(batch, segments, ...)`; only its shape is used.

    Output shape:
        Tensor `(batch, segments, ...)` with the trailing axes of `folded`.

    Example:

    >>> clips = np.zeros((2, 7, 28, 28, 64))
    >>> UnfoldTime()(FoldTime()(clips), clips).shape
    (2, 7, 28, 28, 64)
    """

    def call(self, folded, sequence):
        segments = ops.shape(sequence)[1]
        # (B*T, ...) -> (B, T, ...)
        return ops.reshape(folded, (-1, segments, *ops.shape(folded)[1:]))

    def compute_output_shape(self, folded_shape, sequence_shape):
        return (*sequence_shape[:2], *folded_shape[1:])

    def compute_output_spec(self, folded, sequence):
        shape = self.compute_output_shape(folded.shape, sequence.shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        # Explicit: the automatic one refuses a dtype policy object as `dtype`.
        return super().get_config()


@keras.saving.register_keras_serializable("offkeras")
class SegmentConsensus(keras.layers.Layer):
    """Video-level scores: the average of the scores of the segments.

    Equation 8 of Sun et al., with average pooling as the aggregation
    function.

    Input shape:
        3D tensor `(batch, segments, classes)`.

    Output shape:
        2D tensor `(batch, classes)`.

    Example:

    >>> SegmentConsensus()(np.ones((2, 7, 101))).shape
    (2, 101)
    """

    def build(self, input_shape):
        if len(input_shape) != 3:
            raise ValueError(
                "SegmentConsensus expects scores of shape (batch, segments, "
                f"classes). Received: input_shape={tuple(input_shape)}."
            )

    def call(self, scores):
        # (B, T, classes) -> (B, classes)
        return ops.mean(scores, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[2])

    def get_config(self):
        # Explicit: the automatic one refuses a dtype policy object as `dtype`.
        return super().get_config()
