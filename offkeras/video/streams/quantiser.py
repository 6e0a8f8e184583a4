"""How coarsely an encoder has quantised a frame, as its decoder tells."""

import typing

import numpy as np

from offkeras.video.streams.side_data import side_data

EXPORT = {"export_side_data": "venc_params"}  # to the decoder
# AVVideoEncParams and AVVideoBlockParams of FFmpeg's libavutil/video_enc_params.h.
HEADER = np.dtype(
    [
        ("num_blocks", np.uintc),
        ("blocks_offset", np.uintp),
        ("block_size", np.uintp),
        ("type", np.intc),
        ("quantiser", np.int32),
        ("plane_deltas", np.int32, (4, 2)),
    ],
    align=True,
)
BLOCK = np.dtype(
    [(name, np.intc) for name in ("x", "y", "width", "height")] + [("delta", np.int32)]
)
H264, MPEG2 = 1, 2  # types: scales of the quantiser
BIT_DEPTH_STEPS = 6  # of H.264, a bit beyond 8: they halve the step of quantisation


class Quantiser(typing.NamedTuple):
    """How coarsely a frame is quantised.

    Attributes:
        codec: FFmpeg's name of it, such as `"h264"`: every codec has a scale of its
            own.
        value: mean over the frame. H.264: 0 to 51, below 0 for more than 8 bits.
            MPEG-4, MPEG-2 and others of their kind: 1 to 31 (MPEG-2 also to 56).
            VP9: 0 to 255.
    """

    codec: str
    value: float


def quantiser(frame, context):
    """The `Quantiser` of an `av.VideoFrame`, None where its decoder tells none.

    H.264, MPEG-4, MPEG-2 and VP9 tell, and other codecs of the kind of MPEG-4 and
    MPEG-2; of an MPEG-2 file the last frame does not.

    Args:
        frame: decoded with the options `EXPORT`.
        context: the codec context of its stream.
    """
    data = side_data(frame).get("VIDEO_ENC_PARAMS")
    if data is None:
        return None
    content = np.frombuffer(data, np.uint8)
    header = content[: HEADER.itemsize].view(HEADER)[0]
    value = float(header["quantiser"])
    if header["num_blocks"]:
        blocks = np.ndarray(
            shape=(int(header["num_blocks"]),),
            dtype=BLOCK,
            buffer=content,
            offset=int(header["blocks_offset"]),
            strides=(int(header["block_size"]),),
        )
        areas = blocks["width"].astype(float) * blocks["height"]
        value += float(np.average(blocks["delta"], weights=areas))
    if header["type"] == MPEG2:  # FFmpeg tells twice the scale of the standards
        value /= 2
    elif header["type"] == H264:
        value -= BIT_DEPTH_STEPS * (frame.format.components[0].bits - 8)
    return Quantiser(context.codec.canonical_name, value)
