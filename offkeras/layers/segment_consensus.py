"""The consensus of segments, equation 8."""

import keras
from keras import ops

from offkeras.layers.configured import ConfiguredLayer


@keras.saving.register_keras_serializable("offkeras")
class SegmentConsensus(ConfiguredLayer):
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
