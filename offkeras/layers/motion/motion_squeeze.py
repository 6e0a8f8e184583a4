"""The motion squeeze of MSNet: displacements by correlation."""

import keras
import numpy as np
from keras import ops

from offkeras.layers.motion.frame_motion import FrameMotion, on_frames
from offkeras.layers.temporal_difference import earlier, later

WIDTHS = (16, 32, 64)  # of the first three convolutions; the last has that of x
KERNELS = (7, 3, 3, 3)
EPSILON = 1e-6


@keras.saving.register_keras_serializable("offkeras")
class MotionSqueeze(FrameMotion):
    """Adds to each frame what its displacement to the next one looks like.

    Kwon et al. 2020, "MotionSqueeze": features are reduced (1x1 convolution, BN,
    ReLU) and brought to length 1; their correlation with those of the next frame, at
    most `radius` cells away, is cut at zero. Around its largest value (Gaussian of
    width `sigma`), the softmax of the correlation times `temperature` gives the mean
    displacement, over `radius`. That and the largest correlation, three channels, pass
    four depthwise separable convolutions (each of the two parts followed by BN and
    ReLU), and are added to x. No bias: 70,905 parameters at 512 channels.

    Args:
        filters: channels of the reduced features.
        radius: of the search, in cells: 7 is 15x15.
        sigma: width of the Gaussian, in cells.
        temperature: of the softmax.
        keep_last: whether the last frame, which has no next one, is returned: with
            the motion of the frame before.

    Input shape:
        5D tensor `(batch, segments, height, width, channels)`.

    Output shape:
        The same; one segment less with `keep_last=False`.

    Raises:
        ValueError: if the input is not 5D with two segments.

    Example:

    >>> MotionSqueeze()(np.random.rand(2, 3, 14, 14, 512)).shape
    (2, 3, 14, 14, 512)
    """

    arguments = (*FrameMotion.arguments, "filters", "radius", "sigma", "temperature")

    def __init__(self, filters=64, *, radius=7, sigma=5.0, temperature=100.0, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.radius = radius
        self.sigma = sigma
        self.temperature = temperature

    def build_for(self, height, width, channels):
        image = (None, height, width)
        self.reduce = self.conv(self.filters, 1, "reduce")
        self.reduce.build((*image, channels))
        self.reduce_norm = self.norm("reduce_norm")
        self.reduce_norm.build((*image, self.filters))
        self.convolutions, self.norms, inputs = [], [], 3
        for number, (kernel, outputs) in enumerate(
            zip(KERNELS, (*WIDTHS, channels), strict=True), start=1
        ):
            depthwise = self.depthwise(kernel, f"depthwise_{number}")
            pointwise = self.conv(outputs, 1, f"pointwise_{number}")
            norms = (self.norm(f"norm_{number}{part}") for part in "ab")
            for layer, norm, made in zip(
                (depthwise, pointwise), norms, (inputs, outputs), strict=True
            ):
                layer.build((*image, inputs))
                norm.build((*image, made))
                self.convolutions.append(layer)
                self.norms.append(norm)
            inputs = outputs

    def call(self, clips, training=None):
        reduced = on_frames(lambda x: self._reduce(x, training), clips)
        shape = ops.shape(reduced)[2:]
        # (B, T-1, H, W, c) -> (B*(T-1), H, W, c)
        first, second = (
            ops.reshape(side, (-1, *shape))
            for side in (earlier(reduced), later(reduced))
        )
        motion = self._motion(first, second, training)
        segments, *shape = ops.shape(clips)[1:]
        # (B*(T-1), H, W, C) -> (B, T-1, H, W, C)
        motion = ops.reshape(motion, (-1, segments - 1, *shape))
        if not self.keep_last:
            return earlier(clips) + motion
        return clips + ops.concatenate([motion, motion[:, -1:]], axis=1)

    def _reduce(self, frames, training):
        """Features of length 1."""
        x = ops.relu(self.reduce_norm(self.reduce(frames), training=training))
        square = ops.sum(ops.square(x), axis=-1, keepdims=True)
        return x / ops.sqrt(square + EPSILON)

    def _motion(self, first, second, training):
        """What is added to the first of two frames."""
        x = self.displacement(first, second)
        for layer, norm in zip(self.convolutions, self.norms, strict=True):
            x = ops.relu(norm(layer(x), training=training))
        return x

    def displacement(self, first, second):
        """Where each cell of a frame goes.

        Args:
            first: features of length 1, `(B, H, W, c)`.
            second: those of the next frame.

        Returns:
            `(B, H, W, 3)`: right and down, over `radius`, and the correlation there.
        """
        correlation = ops.relu(self._correlation(first, second))
        side = 2 * self.radius + 1
        best = ops.argmax(correlation, axis=-1)
        offsets = np.arange(side * side)
        best = ops.expand_dims(best, -1)
        # To all offsets, row by row; (B, H, W, 1) - (15*15,)
        down = ops.cast(best // side - offsets // side, correlation.dtype)
        right = ops.cast(best % side - offsets % side, correlation.dtype)
        near = ops.exp(-(down**2 + right**2) / (2 * self.sigma**2))
        weights = ops.softmax(self.temperature * near * correlation, axis=-1)
        means = []
        for place in (offsets % side, offsets // side):
            moved = ops.cast(place / self.radius - 1, weights.dtype)
            means.append(ops.sum(weights * moved, axis=-1))
        return ops.stack([*means, ops.max(correlation, axis=-1)], axis=-1)

    def _correlation(self, first, second):
        """Products with all cells around, `(B, H, W, 15*15)`; zero outside."""
        height, width, channels = ops.shape(first)[1:]
        edge = (self.radius, self.radius)
        padded = ops.pad(second, [(0, 0), edge, edge, (0, 0)])
        side = range(2 * self.radius + 1)
        # (B, H+14, W, 15*c): phones take four axes at most.
        columns = ops.concatenate([padded[:, :, x : x + width] for x in side], axis=-1)
        # (B, H, W, c) -> (B, H*W, c, 1)
        first = ops.reshape(first, (-1, height * width, channels, 1))
        # 15 times (B, H, W, 15*c) -> (B, H*W, 15, c) -> (B, H*W, 15, 1)
        cells = (-1, height * width, len(side), channels)
        rows = [
            ops.matmul(ops.reshape(columns[:, y : y + height], cells), first)
            for y in side
        ]
        # (B, H*W, 15*15, 1) -> (B, H, W, 15*15)
        rows = ops.concatenate(rows, axis=2)
        return ops.reshape(rows, (-1, height, width, len(side) ** 2))

    def remember(self, frame, before=None):
        """What a frame `(B, H, W, C)` keeps for the next one."""
        return {"features": frame, "reduced": self._reduce(frame, False)}

    def between(self, memory, following):
        """What `call` makes of a frame, by its memory and that of the next one."""
        motion = self._motion(memory["reduced"], following["reduced"], False)
        return memory["features"] + motion
