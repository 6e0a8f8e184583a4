"""Gradients of features in x, y and t: what is orthogonal to their flow."""

import itertools

import keras
from keras import ops

from offkeras.layers.configured import ConfiguredLayer
from offkeras.layers.spatial_gradient import KERNELS, SpatialGradient
from offkeras.layers.temporal_difference import TemporalDifference, earlier


@keras.saving.register_keras_serializable("offkeras")
class Gradients(ConfiguredLayer):
    """Gradients in x, y and t of features that are reduced already.

    Equations 5 to 7 of Sun et al. `OFF` reduces its features first. Models that
    keep the reduced features of a frame for the next ones call this layer, so
    that no frame is reduced twice.

    Args:
        operator: the spatial operator, see `SpatialGradient`.
        spatial: whether to include the spatial gradients.
        temporal: whether to include the temporal gradient.
        spatial_dropout: fraction of the spatial gradients dropped in training
            (section 5.1 adds dropout to the spatial stream).
        target: index of the one segment whose spatial gradients are taken.
            Default: those of the earlier segment of each pair.

    Input shape:
        5D tensor `(batch, segments, height, width, channels)`.

    Output shape:
        5D tensor `(batch, segments - 1, height, width, 3 * channels)`: `Fx`,
        `Fy`, `Ft` of each pair. Without the spatial part `channels`, without
        the temporal part `2 * channels`; `operator="cross"` has one spatial
        map, not two. With `target` 4D `(batch, height, width, (segments + 1) *
        channels)`: `Fx` and `Fy` of the target, then `Ft` of each pair.

    Raises:
        ValueError: if both parts are switched off, or the input is not 5D with
            at least two segments; with `target` one is enough.

    Example:

    >>> Gradients()(np.random.rand(2, 7, 28, 28, 128)).shape
    (2, 6, 28, 28, 384)
    >>> Gradients(target=1)(np.random.rand(2, 3, 28, 28, 128)).shape
    (2, 28, 28, 512)
    """

    arguments = ("operator", "spatial", "temporal", "spatial_dropout", "target")

    def __init__(
        self,
        *,
        operator="prewitt",
        spatial=True,
        temporal=True,
        spatial_dropout=0.0,
        target=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not (spatial or temporal):
            raise ValueError(
                f"{type(self).__name__} needs its spatial part, its temporal part or "
                f"both. Received: spatial={spatial}, temporal={temporal}."
            )
        self.operator = operator
        self.spatial = spatial
        self.temporal = temporal
        self.spatial_dropout = spatial_dropout
        self.target = target
        # Named after this layer, since a streaming graph calls them one by one.
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

    @property
    def radius(self):
        """How far, in cells, the layer looks around a cell."""
        return self.spatial_gradient.radius if self.spatial else 0

    def build(self, input_shape):
        self.check_clips(input_shape, least=2 if self.target is None else 1)

    def call(self, features, training=None):
        return self.gradients(features, training=training)

    def gradients(self, reduced, training=None):
        """The gradients of features that are reduced already."""
        if self.target is not None:
            # (B, T, H, W, C) -> T times (B, H, W, C)
            frames = [reduced[:, t] for t in range(reduced.shape[1])]
            return self.of_frames(frames, training=training)
        maps = []
        if self.spatial:
            spatial = self.spatial_gradient(earlier(reduced))
            maps.append(self.dropout(spatial, training=training))
        if self.temporal:
            maps.append(self.temporal_difference(reduced))
        # (B, T-1, H, W, 2*C), (B, T-1, H, W, C) -> (B, T-1, H, W, 3*C)
        return _joined(maps)

    def of_frames(self, frames, training=None):
        """The gradients of frames one by one: no tensor has a time axis.

        Args:
            frames: reduced features, a list of 4D tensors `(batch, height, width,
                channels)`; without `target` two of them, a pair.
            training: whether to drop spatial gradients.

        Returns:
            4D tensor `(batch, height, width, maps)`: with `target` what `call` gives
            for the clip, without it what it gives for the pair.
        """
        maps = []
        if self.spatial:
            spatial = self.spatial_gradient(frames[self.target or 0])
            maps.append(self.dropout(spatial, training=training))
        if self.temporal:
            maps += [after - before for before, after in itertools.pairwise(frames)]
        # (B, H, W, 2*C), T-1 times (B, H, W, C) -> (B, H, W, (T+1)*C)
        return _joined(maps)

    def compute_output_shape(self, input_shape):
        batch, segments, *size, channels = input_shape
        maps = len(KERNELS[self.operator]) * self.spatial
        if self.target is not None:
            maps += (segments - 1) * self.temporal
            return (batch, *size, maps * channels)
        pairs = None if segments is None else segments - 1
        return (batch, pairs, *size, (maps + self.temporal) * channels)


def _joined(maps):
    """Maps side by side in their channels."""
    return ops.concatenate(maps, axis=-1) if len(maps) > 1 else maps[0]
