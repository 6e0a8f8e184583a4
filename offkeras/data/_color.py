"""Decoded frames to RGB, and RGB back to the colour coding of a video."""

import typing

import numpy as np

from offkeras.data._container import MAX_PIXELS, VideoError, check_pixels

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
LIMITED, FULL = 1, 2  # ranges of luma: 16..235, 0..255


class Coding(typing.NamedTuple):
    """How a video codes colour, with 8 bits a sample. The numbers are FFmpeg's."""

    pixel_format: str
    matrix: int
    range: int
    primaries: int
    transfer: int

    def scales(self):
        """Offset and scale of luma and scale of chroma, from fractions to levels."""
        return (0, 255, 255) if self.range == FULL else (16, 219, 224)


def to_rgb(path, frame, size=None, max_pixels=MAX_PIXELS):
    """One decoded frame as an upright uint8 RGB array, by FFmpeg's fast conversion.

    It rounds down: there and back, and a frame is a level darker. `exact_rgb` does
    not.

    Args:
        path: path of the video, for errors.
        frame: an `av.VideoFrame`.
        size: length in pixels to scale the shorter side to, or None.
        max_pixels: largest frame to accept, before and after it is scaled.
    """
    from av.video.reformatter import Interpolation

    quarters = _quarters(path, frame)
    check_pixels(path, frame.width, frame.height, max_pixels)
    if size is not None:
        scale = size / min(frame.height, frame.width)
        height, width = round(frame.height * scale), round(frame.width * scale)
        check_pixels(path, width, height, max_pixels)
        frame = frame.reformat(
            height=height,
            width=width,
            format="rgb24",
            interpolation=Interpolation.BILINEAR,
        )
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), quarters))


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
            not shown at a quarter turn.
    """
    quarters = _quarters(path, frame)
    coding = _coding(path, frame, context)
    if frame.format.is_rgb:
        rgb = frame.to_ndarray(format="rgb24")
    else:
        rgb = _decode_yuv(frame, coding)
    rgb = np.ascontiguousarray(np.rot90(rgb, quarters))
    pixel_format = _writable(coding.pixel_format, *rgb.shape[:2])
    return rgb, coding._replace(pixel_format=pixel_format)


def _quarters(path, frame):
    """Quarter turns, counter-clockwise, that a frame is shown at."""
    quarters, rest = divmod(frame.rotation, 90)
    if rest:
        raise VideoError(
            path,
            f"is rotated by {frame.rotation} degrees; only quarter turns can be shown.",
        )
    return int(quarters)


def _coding(path, frame, context):
    tags = int(context.color_primaries), int(context.color_trc)
    if frame.format.is_rgb:
        return Coding("yuv444p", 1, LIMITED, *tags)
    matrix, tagged_range = int(frame.colorspace), int(frame.color_range)
    if matrix not in MATRICES:
        raise VideoError(
            path,
            "has colours that cannot be converted: expected one of the matrices "
            f"{sorted(MATRICES)} of FFmpeg, received {matrix}.",
        )
    if frame.format.name.startswith("yuvj"):
        tagged_range = FULL
    return Coding(_planar(frame.format), matrix, tagged_range, *tags)


def _planar(layout):
    """The planar format of 8 bits with the chroma of another format."""
    if len(layout.components) < 3:  # grey
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
    r, g, b = np.moveaxis(rgb.astype(np.float32), -1, 0)
    y = red * r + (1 - red - blue) * g + blue * b
    cb, cr = (b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))
    _fill(frame.planes[0], offset + y * (luma_scale / 255))
    _fill(frame.planes[1], 128 + cb * (chroma_scale / 255))
    _fill(frame.planes[2], 128 + cr * (chroma_scale / 255))
    return frame


def _fill(plane, samples):
    """Writes the mean of the samples under each one of a plane."""
    height, width = plane.height, plane.width
    # (H, W) -> (h, H/h, w, W/w) -> (h, w)
    samples = samples.reshape(height, -1, width, samples.shape[1] // width)
    samples = samples.mean((1, 3)).round().clip(0, 255)
    lines = np.zeros((height, plane.line_size), np.uint8)
    lines[:, :width] = samples
    plane.update(lines)
