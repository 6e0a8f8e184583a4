"""Decoded frames to RGB, and RGB back to the colour coding of a video."""

import typing

import numpy as np

from offkeras.video.container import MAX_PIXELS, VideoError, check_pixels
from offkeras.video.streams.orientation import orientation

# Weights of red and blue in the luma of a colour matrix, by FFmpeg's numbers.
# BT.601 stands in for 2, "unspecified", as in FFmpeg.
BT601, BT709 = (0.299, 0.114), (0.2126, 0.0722)
MATRICES = {
    1: BT709,
    2: BT601,
    4: (0.30, 0.11),  # FCC
    5: BT601,
    6: BT601,
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020
}
UNSPECIFIED = 2  # matrix
LIMITED, FULL = 1, 2  # ranges of luma: 16..235, 0..255


class Coding(typing.NamedTuple):
    """How a video codes colour, with 8 bits a sample. The numbers are FFmpeg's."""

    pixel_format: str
    matrix: int
    range: int
    primaries: int
    transfer: int

    def is_known(self):
        """Whether frames can be coded so; the tags are one byte each."""
        tags = (self.range, self.primaries, self.transfer)
        return self.matrix in MATRICES and all(0 <= tag < 256 for tag in tags)

    def scales(self):
        """Offset and scale of luma and scale of chroma, from fractions to levels."""
        return (0, 255, 255) if self.range == FULL else (16, 219, 224)


def set_coding(context, coding):
    """Tells an encoder how its frames code colour."""
    context.pix_fmt = coding.pixel_format
    context.colorspace, context.color_range = coding.matrix, coding.range
    context.color_primaries, context.color_trc = coding.primaries, coding.transfer


def usual_coding(height, width):
    """The `Coding` of a picture of which nothing is known: BT.709 for HD, else BT.601.

    Players that ignore the tags take the size for a sign, too.
    """
    matrix = 1 if height >= 720 or width >= 1280 else 6
    return Coding("yuv420p", matrix, LIMITED, 1, 1)


def tagged_coding(frame, context):
    """The `Coding` of pictures like a frame, in 4:2:0; None where it has none.

    Args:
        frame: an `av.VideoFrame`.
        context: the codec context of its stream.
    """
    if _is_rgb(frame.format) or int(frame.colorspace) not in MATRICES:
        return None
    return _tagged(frame, context, "yuv420p")


def to_rgb(path, frame, max_pixels=MAX_PIXELS):
    """One decoded frame as an upright uint8 RGB array, by FFmpeg's fast conversion.

    It rounds down: there and back, and a frame is a level darker. `exact_rgb` does
    not.

    Args:
        path: path of the video, for errors.
        frame: an `av.VideoFrame`.
        max_pixels: largest frame to accept.
    """
    upright = orientation(path, frame)
    check_pixels(path, frame.width, frame.height, max_pixels)
    return upright.apply(frame.to_ndarray(format="rgb24"))


def exact_rgb(path, frame, context):
    """One decoded frame as an upright uint8 RGB array, and its coding.

    Pixels that share a chroma sample all get it as it is, and colours are rounded
    to the nearest: `encode_yuv` gives back the samples.

    Args:
        path: path of the video, for errors.
        frame: an `av.VideoFrame`.
        context: the codec context of its stream.

    Raises:
        VideoError: if the colour matrix is not one of `MATRICES`, or the frame is
            not shown at a quarter turn or mirrored.
    """
    upright = orientation(path, frame)
    coding = _coding(path, frame, context)
    if _is_rgb(frame.format) or _is_grey(frame.format):
        rgb = frame.to_ndarray(format="rgb24")
    else:
        rgb = _decode_yuv(frame, coding)
    rgb = upright.apply(rgb)
    pixel_format = _writable(coding.pixel_format, *rgb.shape[:2])
    return rgb, coding._replace(pixel_format=pixel_format)


def _coding(path, frame, context):
    if _is_rgb(frame.format):
        tags = int(context.color_primaries), int(context.color_trc)
        return Coding("yuv444p", 1, LIMITED, *tags)
    matrix = int(frame.colorspace)
    if _is_grey(frame.format) and matrix not in MATRICES:
        # The matrix of a grey picture tells nothing; PNG has the one of RGB there.
        return _tagged(frame, context, "yuv420p")._replace(matrix=UNSPECIFIED)
    if matrix not in MATRICES:
        raise VideoError(
            path,
            "has colours that cannot be converted: expected one of the matrices "
            f"{sorted(MATRICES)} of FFmpeg, received {matrix}.",
        )
    return _tagged(frame, context, _planar(frame.format))


def _tagged(frame, context, pixel_format):
    tagged_range = int(frame.color_range)
    if frame.format.name.startswith("yuvj"):
        tagged_range = FULL
    tags = int(context.color_primaries), int(context.color_trc)
    return Coding(pixel_format, int(frame.colorspace), tagged_range, *tags)


def _is_rgb(layout):
    """Whether a format holds red, green and blue, itself or in its palette."""
    return layout.is_rgb or layout.has_palette


def _is_grey(layout):
    """Whether a format has neither colours nor a palette of them."""
    return len(layout.components) < 3 and not layout.has_palette


def _planar(layout):
    """The planar format of 8 bits with the chroma of another format."""
    if _is_grey(layout):
        return "yuv420p"
    # Chroma samples of four rows and of four columns.
    chroma = layout.chroma_height(4), layout.chroma_width(4)
    return {(2, 2): "yuv420p", (4, 2): "yuv422p"}.get(chroma, "yuv444p")


def _writable(pixel_format, height, width):
    """H.264 has odd sizes in 4:4:4 only, and 4:2:2 halves columns only."""
    odd = width % 2 or (height % 2 and pixel_format == "yuv420p")
    return "yuv444p" if odd else pixel_format


def _decode_yuv(frame, coding):
    """Samples of luma and chroma -> RGB, by the equations of the matrix."""
    if frame.format.name.replace("yuvj", "yuv") != coding.pixel_format:
        frame = frame.reformat(format=coding.pixel_format)
    height, width = frame.height, frame.width
    luma, *chroma = [
        np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[
            :, : plane.width
        ]
        for plane in frame.planes
    ]
    offset, luma_scale, chroma_scale = coding.scales()
    y = (luma.astype(np.float32) - offset) * (255 / luma_scale)
    cb, cr = (
        _repeat(plane.astype(np.float32) - 128, height, width) * (255 / chroma_scale)
        for plane in chroma
    )
    red, blue = MATRICES[coding.matrix]
    r, b = y + 2 * (1 - red) * cr, y + 2 * (1 - blue) * cb
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.stack([r, g, b], axis=-1).round().clip(0, 255).astype(np.uint8)


def _repeat(plane, height, width):
    rows, columns = -(-height // plane.shape[0]), -(-width // plane.shape[1])
    return plane.repeat(rows, 0)[:height].repeat(columns, 1)[:, :width]


def encode_yuv(rgb, coding):
    """An RGB array as an `av.VideoFrame` of this coding.

    Chroma is the mean of the pixels that share it.
    """
    import av

    height, width = rgb.shape[:2]
    frame = av.VideoFrame(width, height, coding.pixel_format)
    frame.colorspace, frame.color_range = coding.matrix, coding.range
    offset, luma_scale, chroma_scale = coding.scales()
    red, blue = MATRICES[coding.matrix]
    luma = np.array([red, 1 - red - blue, blue])
    cb = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue))
    cr = (np.array([1, 0, 0]) - luma) / (2 * (1 - red))
    scales = np.array([[luma_scale], [chroma_scale], [chroma_scale]]) / 255
    weights = (np.stack([luma, cb, cr]) * scales).astype(np.float32)
    samples = weights @ rgb.reshape(-1, 3).T.astype(np.float32)  # (3, H * W)
    for plane, values, zero in zip(
        frame.planes, samples.reshape(3, height, width), (offset, 128, 128), strict=True
    ):
        _fill(plane, values, zero)
    return frame


def _fill(plane, samples, zero):
    """Writes the mean of the samples under each one of a plane, from `zero` on."""
    rows, columns = samples.shape[0] // plane.height, samples.shape[1] // plane.width
    shared = [samples[y::rows, x::columns] for y in range(rows) for x in range(columns)]
    levels = (sum(shared) * np.float32(1 / len(shared)) + np.float32(zero)).round()
    lines = np.zeros((plane.height, plane.line_size), np.uint8)
    lines[:, : plane.width] = levels.clip(0, 255)
    plane.update(lines)
