"""What the gates of TEA and TDN share: differences of squeezed features."""

from keras import ops

from offkeras.layers.motion.frame_motion import FrameMotion, on_frames


class Gate(FrameMotion):
    """Base of the layers whose differences gate the channels they come from.

    u = BN(1x1 convolution of x), to a share of its channels; the difference to a
    neighbour is that of its u, after a depthwise 3x3 convolution, and u itself; a is
    the sigmoid of BN(1x1 convolution) of it, less a half; x becomes x + x a.

    Args:
        reduction: by how much u has fewer channels than x.
        keep_last: see `FrameMotion`.
    """

    arguments = (*FrameMotion.arguments, "reduction")

    def __init__(self, reduction=16, **kwargs):
        super().__init__(**kwargs)
        self.reduction = reduction

    def build_for(self, height, width, channels):
        filters = channels // self.reduction
        if filters < 1:
            raise ValueError(
                f"{type(self).__name__} with reduction={self.reduction} needs as many "
                f"channels. Received: {channels}."
            )
        image = (None, height, width)
        self.reduce = self.conv(filters, 1, "reduce")
        self.reduce.build((*image, channels))
        self.reduce_norm = self.norm("reduce_norm")
        self.reduce_norm.build((*image, filters))
        self.transform = self.depthwise(3, "transform")
        self.transform.build((*image, filters))
        self.expand = self.conv(channels, 1, "expand")
        self.expand.build((*image, filters))
        self.expand_norm = self.norm("expand_norm")
        self.expand_norm.build((*image, channels))
        return (*image, filters)

    def squeeze(self, frames, training=None):
        """u of frames `(B, H, W, C)`."""
        return self.reduce_norm(self.reduce(frames), training=training)

    def squeeze_clips(self, clips, training=None):
        """u of clips, and the same after the depthwise convolution."""
        squeezed = on_frames(lambda x: self.squeeze(x, training=training), clips)
        return squeezed, on_frames(self.transform, squeezed)

    def excite(self, difference, training=None):
        """a of differences `(B, h, w, c)`."""
        x = self.expand_norm(self.expand(difference), training=training)
        return ops.sigmoid(x) - 0.5


def followed_by_zero(pairs):
    """Differences of pairs, `(B, T-1, ...)`, with zeros for the last frame."""
    return ops.concatenate([pairs, ops.zeros_like(pairs[:, :1])], axis=1)


def after_zero(pairs):
    """Differences of pairs, `(B, T-1, ...)`, with zeros for the first frame."""
    return ops.concatenate([ops.zeros_like(pairs[:, :1]), pairs], axis=1)
