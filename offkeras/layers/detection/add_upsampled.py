"""The top-down step of a feature pyramid."""

import keras
from keras import ops

from offkeras.layers.configured import ConfiguredLayer


@keras.saving.register_keras_serializable("offkeras")
class AddUpsampled(ConfiguredLayer):
    """Adds a map of half the resolution to a finer one.

    The top-down step of feature pyramid networks (Lin et al. 2017, section 3): every
    cell of the coarse map is repeated over two rows and two columns. Where the fine map
    has an odd number of them, the last repetition is left out.

    Input shape:
        The fine map `(batch, rows, columns, channels)`, and the coarse one
        `(batch, ceil(rows / 2), ceil(columns / 2), channels)`.

    Output shape:
        That of the fine map.

    Example:

    >>> AddUpsampled()(np.zeros((1, 9, 12, 4)), np.ones((1, 5, 6, 4))).shape
    (1, 9, 12, 4)
    """

    def call(self, fine, coarse):
        rows, columns = ops.shape(fine)[1:3]
        # (B, ceil(H/2), ceil(W/2), C) -> (B, H, W, C)
        coarse = ops.repeat(ops.repeat(coarse, 2, axis=1), 2, axis=2)
        return fine + coarse[:, :rows, :columns]

    def compute_output_shape(self, fine_shape, coarse_shape):
        return fine_shape
