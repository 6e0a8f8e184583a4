"""The motion excitation of TEA."""

import keras
from keras import ops

from offkeras.layers.motion.frame_motion import on_frames
from offkeras.layers.motion.gate import Gate, followed_by_zero
from offkeras.layers.temporal_difference import earlier, later


@keras.saving.register_keras_serializable("offkeras")
class MotionExcitation(Gate):
    """Gates the channels of each frame by what changes until the next one.

    Li et al. 2020, "TEA: Temporal Excitation and Aggregation", section 3.1:

        u = BN(conv1x1(x)),  d[t] = conv3x3(u[t + 1]) - u[t],  d[last] = 0
        a = sigmoid(BN(conv1x1(mean of d over the picture))) - 0.5
        x + x a

    with a depthwise 3x3 convolution and no bias: 8,880 parameters at 256 channels.
    Nothing is lost where nothing moves; `OFF` in its place returns the gradients
    alone.

    Args:
        reduction: by how much u has fewer channels than x.
        keep_last: whether the last frame, which has no next one, is returned.

    Input shape:
        5D tensor `(batch, segments, height, width, channels)`.

    Output shape:
        The same; one segment less with `keep_last=False`.

    Raises:
        ValueError: if the input is not 5D with two segments, or has fewer channels
            than `reduction`.

    Example:

    >>> MotionExcitation()(np.random.rand(2, 7, 28, 28, 256)).shape
    (2, 7, 28, 28, 256)
    """

    def call(self, clips, training=None):
        u, transformed = self.squeeze_clips(clips, training=training)
        difference = followed_by_zero(later(transformed) - earlier(u))
        pooled = ops.mean(difference, axis=(2, 3), keepdims=True)
        gate = on_frames(lambda d: self.excite(d, training=training), pooled)
        clips = clips + clips * gate
        return clips if self.keep_last else earlier(clips)

    def remember(self, frame, before=None):
        """What a frame `(B, H, W, C)` keeps for the next one."""
        return {"features": frame, "reduced": self.squeeze(frame, training=False)}

    def between(self, memory, following):
        """What `call` makes of a frame, by its memory and that of the next one."""
        difference = self.transform(following["reduced"]) - memory["reduced"]
        pooled = ops.mean(difference, axis=(1, 2), keepdims=True)
        return memory["features"] * (1 + self.excite(pooled, training=False))
