"""Time unfolded from the batch."""

import keras
from keras import ops

from offkeras.layers.configured import ConfiguredLayer


@keras.saving.register_keras_serializable("offkeras")
class UnfoldTime(ConfiguredLayer):
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
