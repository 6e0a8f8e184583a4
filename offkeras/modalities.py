"""What a network can look at: the only list of it.

A modality says which stored images a segment is made of, and what a network and a
mirror have to know about the result. To add one, add an entry here; where its images
are not yet decoded, add that in `data.actions`.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Modality:
    """The images of a segment and the channels made of them.

    Attributes:
        name: the name that options and arguments take.
        channels: of a segment.
        images: the stored images that are read, side by side: `rgb`, or `flow_x` and
            `flow_y`, or `codec_x` and `codec_y`.
        frames_per_segment: consecutive images of each kind in a segment. Section 4.3.1
            and TSN: 1, 5 and 5 for RGB, RGB difference and optical flow.
        differences: whether a segment holds the differences of consecutive images,
            one fewer than images.
        pooled: whether a segment is the dynamic image of its images, their
            approximate rank pooling, see `data.rank_pooling`.
        mean: subtracted from a segment, in 0..255; a number, or one per channel.
        signed: whether the first of every two channels changes its sign in a mirror,
            `v -> 255 - v`: it is a horizontal motion.
        crop_scales: shares of the shorter side that training crops have, as in TSN.
        dtype: of a segment in exported models: bytes, but for signed differences.
    """

    name: str
    channels: int
    images: tuple = ("rgb",)
    frames_per_segment: int = 1
    differences: bool = False
    pooled: bool = False
    mean: float | tuple = 0.0
    signed: bool = False
    crop_scales: tuple = (1, 0.875, 0.75, 0.66)
    dtype: str = "uint8"

    @property
    def image_channels(self):
        """Channels of the stored images of one frame: RGB, or one per gray image."""
        return 3 if self.images == ("rgb",) else len(self.images)


MODALITIES = {
    modality.name: modality
    for modality in (
        # The mean of ImageNet's R, G, B, as Caffe subtracts it.
        Modality("rgb", 3, mean=(123.0, 117.0, 104.0)),
        # Five differences take six frames.
        Modality(
            "rgb_diff", 15, frames_per_segment=6, differences=True, dtype="float32"
        ),
        Modality(
            "flow",
            10,
            images=("flow_x", "flow_y"),
            frames_per_segment=5,
            mean=128.0,
            signed=True,
            crop_scales=(1, 0.875, 0.75),
        ),
        # Zhang et al. 2016: motion vectors out of the decoder, as flow is stored.
        Modality(
            "codec",
            20,
            images=("codec_x", "codec_y"),
            frames_per_segment=10,
            mean=128.0,
            signed=True,
            crop_scales=(1, 0.875, 0.75),
        ),
        # Bilen et al. 2016: windows of ten frames, rest at 128.
        Modality("dynamic_image", 3, frames_per_segment=10, pooled=True, mean=128.0),
    )
}


def find(name):
    """The `Modality` of a name.

    Raises:
        ValueError: if there is none.
    """
    if name not in MODALITIES:
        raise ValueError(
            f"Expected modality to be one of {tuple(MODALITIES)}. Received: {name!r}."
        )
    return MODALITIES[name]


def of_channels(channels):
    """The first `Modality` with so many channels, or None."""
    matches = (m for m in MODALITIES.values() if m.channels == channels)
    return next(matches, None)
