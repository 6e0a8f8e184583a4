"""The sums in which TDN joins differences with features."""

import keras
from keras import ops

from offkeras.layers.configured import ConfiguredLayer
from offkeras.layers.motion.nearest import resize_nearest


@keras.saving.register_keras_serializable("offkeras")
class DifferenceFusion(ConfiguredLayer):
    """(1 - share) x + share d, with d at the size of x by the nearest of its values.

    Wang et al. 2021 (TDN), section 3.2: after the stem, and after the first stage.

    Args:
        share: of the differences: 0.5 with 8 segments, 0.25 with 16.

    Input shape:
        Two 4D tensors `(batch, height, width, channels)`: features x of a frame, and
        the differences d, such as `ShortTermDifference` makes, of any size.

    Output shape:
        That of x.

    Example:

    >>> x, d = np.random.rand(2, 56, 56, 64), np.random.rand(2, 28, 28, 64)
    >>> DifferenceFusion()(x, d).shape
    (2, 56, 56, 64)
    """

    arguments = ("share",)

    def __init__(self, share=0.5, **kwargs):
        super().__init__(**kwargs)
        self.share = share

    def call(self, features, differences):
        differences = resize_nearest(differences, *ops.shape(features)[1:3])
        return (1 - self.share) * features + self.share * differences

    def compute_output_shape(self, features_shape, differences_shape):
        return tuple(features_shape)
