"""Writing video files, whole or not at all."""

import contextlib
import fractions

import numpy as np

from offkeras.storage.writing import written_whole
from offkeras.video.color import encode_yuv, set_coding, usual_coding
from offkeras.video.container import check_encoder, encode, url
from offkeras.video.streams.encoder import container_tag

# Ticks of a second where frames come at times of their own: codecs allow no more.
FINEST = 65535


def write_video(
    path,
    frames,
    *,
    fps,
    codec="libx264",
    options=None,
    times=None,
    aspect=None,
    coding=None,
):
    """Writes frames to a video file, in 4:2:0 colour.

    Odd heights and widths are padded to even ones by repeating the last row or
    column. The file appears under its name only once it is complete.

    Args:
        path: path to write, whose suffix chooses the container (`.mp4`).
        frames: iterable of uint8 RGB arrays `(H, W, 3)` of one size.
        fps: frames per second.
        codec: name of an FFmpeg encoder.
        options: dict of its options, such as `{"crf": "18"}`.
        times: iterable of the seconds at which the frames are shown; the last is shown
            for `1 / fps`. Default: one every `1 / fps`. A container that has no time
            stamps (`.avi`) takes the nearest multiples of that.
        aspect: width of a pixel by its height, a `fractions.Fraction`. Default: square.
        coding: how to code colours, as `probe` finds it. Default: BT.709 for HD,
            BT.601 for less. The file is tagged so.

    Raises:
        ValueError: if there is no frame, a frame is not uint8 RGB of the first
            one's size, `fps` is not positive, `times` do not rise, this build of
            FFmpeg lacks the encoder, the suffix is no container that can hold what it
            writes, or it cannot encode frames of this size (a `VideoError`).
    """
    import av

    if not fps > 0:
        raise ValueError(f"Expected fps to be positive. Received: {fps}.")
    check_encoder(codec)
    rate = _fraction(fps)
    with contextlib.ExitStack() as stack:
        partial = stack.enter_context(written_whole(path))
        try:
            container = stack.enter_context(av.open(url(partial), "w"))
            stream = container.add_stream(
                codec, rate=rate, pix_fmt="yuv420p", options=options or {}
            )
        except ValueError as error:
            raise ValueError(
                f"Expected {path} to end in .mp4, .mkv or another container for "
                f"{codec} ({error})."
            ) from error
        if tag := container_tag(codec, container.format.name):
            stream.codec_context.codec_tag = tag
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        stamps = None
        if times is not None:
            stamps = _stamps(times, _tick(container.format, rate))
        _write_frames(path, frames, container, stream, rate, stamps, coding)


def _fraction(fps):
    """A rate as a fraction of small numbers, also one frame an hour."""
    fps = float(fps)
    if fps < 1:
        return 1 / fractions.Fraction(1 / fps).limit_denominator(1001)
    return fractions.Fraction(fps).limit_denominator(1001)


def _tick(file_format, rate):
    """Seconds, a part of those between two frames of the rate."""
    from av.format import Flags

    if not file_format.flags & Flags.variable_fps.value:
        return 1 / rate
    return fractions.Fraction(1, rate.numerator * max(1, FINEST // rate.numerator))


def _stamps(times, tick):
    """Yields `(pts, tick)` of every frame; two never share one."""
    last, before = -1, -np.inf
    for number, time in enumerate(times):
        if time < before:
            raise ValueError(
                f"Expected `times` to rise. Received: {time} s for frame {number}, "
                f"after {before} s."
            )
        before, last = time, max(round(time / tick), last + 1)
        yield last, tick


def _write_frames(path, frames, container, stream, rate, stamps, coding):
    shape = stamp = None
    for number, array in enumerate(frames):
        if stamps is not None and (stamp := next(stamps, None)) is None:
            raise ValueError(
                f"Expected one of `times` for every frame. Received: {number} for more."
            )
        array = np.asarray(array)
        _check_frame(number, array, shape or array.shape)
        shape = array.shape
        height, width = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2
        if number == 0:
            coding = coding or usual_coding(height, width)
            stream.height, stream.width = height, width
            set_coding(stream.codec_context, coding)
            if stamp:
                stream.codec_context.time_base = stamp[1]
                # Reordered, the last frames would count for less time than they take.
                stream.codec_context.max_b_frames = 0
        padding = ((0, height - shape[0]), (0, width - shape[1]), (0, 0))
        frame = encode_yuv(np.pad(array, padding, "edge"), coding)
        if stamp:
            frame.pts, frame.time_base = stamp
            frame.duration = round(1 / rate / stamp[1])
        container.mux(encode(path, stream, frame))
    if shape is None:
        raise ValueError(f"Expected at least one frame to write to {path}.")
    container.mux(encode(path, stream))


def _check_frame(number, array, shape):
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(
            "Expected frames to be uint8 arrays (H, W, 3). "
            f"Received frame {number}: {array.dtype} {array.shape}."
        )
    if array.shape != shape:
        raise ValueError(
            f"Expected every frame to have the shape of the first, {shape}. "
            f"Received frame {number}: {array.shape}."
        )
