"""The long-term difference module of TDN."""

import keras
from keras import ops

from offkeras.layers.motion.frame_motion import on_frames
from offkeras.layers.motion.gate import Gate, after_zero, followed_by_zero
from offkeras.layers.motion.nearest import resize_nearest
from offkeras.layers.temporal_difference import earlier, later


@keras.saving.register_keras_serializable("offkeras")
class LongTermDifference(Gate):
    """Gates each position of each frame by its differences to both neighbours.

    Wang et al. 2021, "TDN: Temporal Difference Networks", section 3.3 (L-TDM):

        u = BN(conv1x1(x)),  forward[t] = conv3x3(u[t + 1]) - u[t],
        backward[t] = conv3x3(u[t - 1]) - u[t],  zero where there is no neighbour
        m(d) = (d + BN(conv3x3(d)) + BN(conv3x3(mean of 2x2 of d))) / 3
        a = mean over both of sigmoid(BN(conv1x1(m(d)))) - 0.5
        x + x a

    The first 3x3 convolution is depthwise; the means of 2x2 are brought back to the
    size of d by the nearest of them. No bias: 13,552 parameters at 256 channels. The
    published network has a `TemporalConvolution` behind it.

    Args:
        reduction: by how much u has fewer channels than x.
        keep_last: whether the last frame, which has no next one, is returned.

    Input shape:
        5D tensor `(batch, segments, height, width, channels)`, two pixels high and
        wide or more.

    Output shape:
        The same; one segment less with `keep_last=False`.

    Raises:
        ValueError: if the input is not 5D with two segments, is too small, or has
            fewer channels than `reduction`.

    Example:

    >>> LongTermDifference()(np.random.rand(2, 7, 28, 28, 256)).shape
    (2, 7, 28, 28, 256)
    """

    def build_for(self, height, width, channels):
        if min(side for side in (height, width, 2) if side is not None) < 2:
            raise ValueError(
                "LongTermDifference needs two pixels in height and width. "
                f"Received: {height}x{width}."
            )
        squeezed = super().build_for(height, width, channels)
        filters = squeezed[-1]
        self.pool = self.inner(keras.layers.AveragePooling2D, "pool", pool_size=2)
        self.coarse = self.conv(filters, 3, "coarse")
        self.coarse_norm = self.norm("coarse_norm")
        self.fine = self.conv(filters, 3, "fine")
        self.fine_norm = self.norm("fine_norm")
        for layer in (self.coarse, self.coarse_norm, self.fine, self.fine_norm):
            layer.build(squeezed)
        return squeezed

    def call(self, clips, training=None):
        u, transformed = self.squeeze_clips(clips, training=training)
        forward = followed_by_zero(later(transformed) - earlier(u))
        backward = after_zero(earlier(transformed) - later(u))
        gates = [
            on_frames(lambda d: self._gate(d, training), difference)
            for difference in (forward, backward)
        ]
        clips = clips + clips * (gates[0] + gates[1]) / 2
        return clips if self.keep_last else earlier(clips)

    def _gate(self, difference, training):
        """a of differences `(B, H, W, c)` in one direction."""
        fine = self.fine_norm(self.fine(difference), training=training)
        coarse = self.coarse(self.pool(difference))
        coarse = self.coarse_norm(coarse, training=training)
        coarse = resize_nearest(coarse, *ops.shape(difference)[1:3])
        return self.excite((difference + fine + coarse) / 3, training=training)

    def remember(self, frame, before=None):
        """What a frame `(B, H, W, C)` keeps for the next one.

        Args:
            frame: features of the frame.
            before: the memory of the frame before, None of the first one.
        """
        reduced = self.squeeze(frame, training=False)
        if before is None:
            backward = ops.zeros_like(reduced)
        else:
            backward = self.transform(before["reduced"]) - reduced
        return {"features": frame, "reduced": reduced, "backward": backward}

    def between(self, memory, following):
        """What `call` makes of a frame, by its memory and that of the next one."""
        forward = self.transform(following["reduced"]) - memory["reduced"]
        gates = self._gate(forward, False) + self._gate(memory["backward"], False)
        return memory["features"] * (1 + gates / 2)
