"""What the motion layers share: each frame learns of its motion to the next one."""

import keras
from keras import ops

from offkeras.layers.configured import ConfiguredLayer

# Those of PyTorch, in which all of them were published.
NORM = {"momentum": 0.9, "epsilon": 1e-5}


class FrameMotion(ConfiguredLayer):
    """Base of the motion layers.

    A subclass makes its inner layers in `build_for` and says what a frame keeps for
    the next one (`remember`), and what becomes of a frame once the next one is there
    (`between`): so a video can be seen frame by frame. Its `call` takes whole clips.

    Args:
        keep_last: whether the last frame of a clip, which has no next one, is
            returned as well. Without it there are as many frames as `OFF` has pairs.
    """

    arguments = ("keep_last",)

    def __init__(self, *, keep_last=True, **kwargs):
        super().__init__(**kwargs)
        self.keep_last = keep_last

    def build(self, input_shape):
        self.check_clips(input_shape, least=2)
        self.build_for(*input_shape[2:])

    def conv(self, filters, kernel_size, name):
        """A convolution without bias, of the policy of this layer."""
        return self.inner(
            keras.layers.Conv2D,
            name,
            filters=filters,
            kernel_size=kernel_size,
            padding="same",
            use_bias=False,
        )

    def depthwise(self, kernel_size, name):
        """A depthwise convolution without bias."""
        return self.inner(
            keras.layers.DepthwiseConv2D,
            name,
            kernel_size=kernel_size,
            padding="same",
            use_bias=False,
        )

    def norm(self, name):
        """A batch normalisation."""
        return self.inner(keras.layers.BatchNormalization, name, **NORM)

    def inner(self, kind, name, **options):
        """An inner layer named after this one: streaming graphs call each by itself."""
        name = f"{self.name}_{name}"
        return kind(dtype=self.dtype_policy, name=name, **options)

    def compute_output_shape(self, input_shape):
        batch, segments, *rest = input_shape
        if segments is not None and not self.keep_last:
            segments -= 1
        return (batch, segments, *rest)


def on_frames(function, clips):
    """A function of frames `(B, H, W, C)`, on clips `(B, T, H, W, C)`."""
    segments, *shape = ops.shape(clips)[1:]
    # (B, T, H, W, C) -> (B*T, H, W, C)
    frames = function(ops.reshape(clips, (-1, *shape)))
    # (B*T, h, w, c) -> (B, T, h, w, c)
    return ops.reshape(frames, (-1, segments, *ops.shape(frames)[1:]))
