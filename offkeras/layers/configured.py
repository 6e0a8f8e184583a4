"""Layers whose config is told by the names of their arguments."""

import keras


class ConfiguredLayer(keras.layers.Layer):
    """A layer that keeps its arguments as attributes of the same names.

    Keras's automatic config refuses a dtype policy object as `dtype`.
    """

    arguments = ()

    def get_config(self):
        config = {name: getattr(self, name) for name in self.arguments}
        return {**super().get_config(), **config}

    def check_clips(self, input_shape, *, least):
        """Refuses what are no clips of feature maps.

        Args:
            input_shape: `(batch, segments, height, width, channels)`.
            least: number of segments that the layer needs.

        Raises:
            ValueError: if the rank is another, or the segments are known and fewer.
        """
        name, shape = type(self).__name__, tuple(input_shape)
        if len(shape) != 5:
            raise ValueError(
                f"{name} expects features of shape (batch, segments, height, width, "
                f"channels). Received: input_shape={shape}."
            )
        if shape[1] is not None and shape[1] < least:
            needed = "one segment" if least == 1 else "two segments"
            raise ValueError(
                f"{name} needs at least {needed}. Received: input_shape={shape}."
            )
