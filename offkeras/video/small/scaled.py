"""Frames that are scaled while they are decoded: in full size never RGB."""

from offkeras.video.container import MAX_PIXELS, check_pixels
from offkeras.video.reading import iterate_decoded
from offkeras.video.streams.orientation import orientation

# Frames are decoded side by side where the codec allows it; the pixels are the same.
THREADS = {"thread_type": "frame+slice"}


def iterate_scaled(path, length, *, max_pixels=MAX_PIXELS):
    """As `iterate_frames`, with the shorter side of a frame scaled to a length.

    Args:
        path: path of a video file.
        length: of the shorter side, in pixels.
        max_pixels: largest frame to accept, decoded and scaled.

    Yields:
        `(seconds, frame)`: time since the first frame, and uint8 RGB `(h, w, 3)`.
    """
    from av.video.reformatter import Interpolation

    for seconds, frame in iterate_decoded(path, max_pixels=max_pixels, options=THREADS):
        upright = orientation(path, frame)
        check_pixels(path, frame.width, frame.height, max_pixels)
        scale = length / min(frame.width, frame.height)
        width, height = round(frame.width * scale), round(frame.height * scale)
        check_pixels(path, width, height, max_pixels)
        rgb = frame.to_ndarray(
            width=width,
            height=height,
            format="rgb24",
            interpolation=Interpolation.BILINEAR,
        )
        yield seconds, upright.apply(rgb)
