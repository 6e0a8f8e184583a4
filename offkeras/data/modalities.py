"""What a segment holds: one frame, five frame differences or five flow fields.

Section 4.3.1 and TSN: 1, 5 and 5 frames per segment for RGB, RGB difference and
optical flow.
"""

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Modality:
    """The images of a segment and the channels made of them.

    Attributes:
        images: the stored images that are read, beside each other.
        frames_per_segment: consecutive images of each kind in a segment.
        channels: of a segment.
    """

    images: tuple
    frames_per_segment: int
    channels: int


MODALITIES = {
    "rgb": Modality(("rgb",), 1, 3),
    "rgb_diff": Modality(("rgb",), 6, 15),  # five differences take six frames
    "flow": Modality(("flow_x", "flow_y"), 5, 10),
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


def decode_segments(jpegs, modality):
    """Decodes the images of a clip; those of a segment become its channels.

    Args:
        jpegs: string tensor `(T, frames_per_segment, len(images))`.
        modality: a `Modality`.

    Returns:
        uint8 `(T, H, W, C)`: RGB of each frame in turn, or x and y of each flow
        field in turn.
    """
    segments, frames, kinds = jpegs.shape
    depth = 3 if modality.images == ("rgb",) else 1

    def decode(jpeg):
        return tf.io.decode_jpeg(jpeg, channels=depth, dct_method="INTEGER_ACCURATE")

    images = tf.map_fn(
        decode,
        tf.reshape(jpegs, [-1]),
        fn_output_signature=tf.TensorSpec([None, None, depth], tf.uint8),
    )
    height, width = tf.unstack(tf.shape(images)[1:3])
    # (T*K, H, W, C) -> (T, K, H, W, C) -> (T, H, W, K, C) -> (T, H, W, K*C)
    shape = [segments, frames * kinds, height, width, depth]
    images = tf.transpose(tf.reshape(images, shape), [0, 2, 3, 1, 4])
    channels = frames * kinds * depth
    return tf.reshape(images, [segments, height, width, channels])


def differences(frames):
    """Differences of consecutive RGB frames, next minus previous.

    Args:
        frames: uint8 `(..., H, W, 3 * n)`.

    Returns:
        float16 `(..., H, W, 3 * (n - 1))` in -255..255, which float16 holds exactly.
    """
    frames = tf.cast(frames, tf.float16)
    return frames[..., 3:] - frames[..., :-3]
