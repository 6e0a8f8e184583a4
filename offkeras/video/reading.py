"""Reading video files: what they hold, chosen frames, all frames.

Frame `i` is always the i-th frame that a player would show: frames are matched by
their time stamps, never by dividing by the frame rate. A file that cannot give a
frame raises a `VideoError` that names it; no frame ever stands in for another.
"""

import contextlib
import dataclasses
import fractions
import os

import numpy as np

from offkeras.video.color import Coding, tagged_coding, to_rgb
from offkeras.video.container import (
    MAX_FRAMES,
    MAX_PIXELS,
    NO_OPTIONS,
    VideoError,
    check_declared,
    check_decoded,
    check_whole,
    decode,
    open_video,
    read_index,
)
from offkeras.video.packets import PacketCount, PacketIndex
from offkeras.video.streams.clock import Clock
from offkeras.video.streams.orientation import pixel_aspect
from offkeras.video.streams.walk import LostError, check_length, count, walk


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What `probe` finds in a video file.

    Attributes:
        path: path of the file.
        num_frames: frames that a player would show.
        fps: average frames per second.
        height: of a frame as shown, after rotation.
        width: of a frame as shown, after rotation.
        duration: seconds, `num_frames / fps`.
        aspect: width of a pixel by its height as shown, None where unknown.
        coding: how its colours are coded, for `write_video`; None where unknown.
        index: where its frames are, for `read_frames`; None where only decoding
            tells.
        state: size in bytes and time of the last change of the file.
        codec: FFmpeg's name of its codec, such as "h264"; None where unknown.
    """

    path: str
    num_frames: int
    fps: float
    height: int
    width: int
    duration: float
    aspect: fractions.Fraction | None = None
    coding: Coding | None = None
    index: PacketIndex | None = dataclasses.field(
        default=None, repr=False, compare=False
    )
    state: tuple | None = dataclasses.field(default=None, repr=False, compare=False)
    codec: str | None = dataclasses.field(default=None, compare=False)


def probe(path, *, max_pixels=MAX_PIXELS, max_frames=MAX_FRAMES):
    """Counts the frames of a video and decodes the first.

    Packets are counted without decoding where that gives the right number;
    otherwise (old codecs, missing time stamps) every frame is decoded.

    Args:
        path: path of a video file.
        max_pixels: largest frame to accept, in pixels.
        max_frames: largest number of frames to accept.

    Returns:
        A `VideoInfo`.

    Raises:
        VideoError: if the file is missing, empty, not a video, without frames,
            truncated, or exceeds `max_pixels` or `max_frames`.
    """
    state = _state(path)
    with open_video(path, max_pixels) as (container, stream):
        rate = stream.average_rate or stream.guessed_rate
        index, frame = read_index(path, container, stream, max_pixels, max_frames)
        if frame is None:
            raise VideoError(path, "no frame could be decoded.")
        height, width = to_rgb(path, frame, max_pixels).shape[:2]
        aspect = pixel_aspect(path, stream, frame)
        coding = tagged_coding(frame, stream.codec_context)
        codec = stream.codec_context.codec.canonical_name
    if index is None:
        times = _decoded_times(path, max_pixels, max_frames)
    else:
        last = len(index.times) - 1
        times = last + 1, index.seconds(0), index.seconds(last)
    fps = _frame_rate(path, *times, rate)
    num_frames = times[0]
    return VideoInfo(
        str(path),
        num_frames,
        fps,
        height,
        width,
        duration=num_frames / fps,
        aspect=aspect,
        coding=coding,
        index=index,
        state=state,
        codec=codec,
    )


def _path_of(video):
    """The path of a video, of which `probe` may have told more."""
    return video.path if isinstance(video, VideoInfo) else video


def _state(path):
    """What tells that a file has changed; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _decoded_times(path, max_pixels, max_frames):
    """Number of frames, and seconds of the first and of the last, by decoding."""
    times = []
    with open_video(path, max_pixels) as (container, stream):
        packets = PacketCount(container, stream)
        clock = Clock(path, container, stream, packets)
        for number, frame in enumerate(decode(path, container, stream, packets)):
            if number == max_frames:
                raise VideoError(path, f"has more than max_frames={max_frames}.")
            times = [*times[:1], float(clock.rising_time(frame))]
    if not times:
        raise VideoError(path, "no frame could be decoded.")
    return number + 1, times[0], times[-1]


def _frame_rate(path, count, first, last, rate):
    """Average frames per second: the header's rate where the time stamps agree."""
    if count > 1 and last > first:
        measured = (count - 1) / (last - first)
        if not rate or abs(measured / rate - 1) > 0.01:
            return float(measured)
    if not rate:
        raise VideoError(path, "has neither time stamps nor a frame rate.")
    return float(rate)


def read_frames(
    video, indices, *, transform=None, max_pixels=MAX_PIXELS, max_frames=MAX_FRAMES
):
    """Reads the frames at `indices`, decoding only what they need.

    Args:
        video: path of a video file, or what `probe` found: its index is not read
            again.
        indices: 0-based frame indices in any order; repeats are allowed.
        transform: function of a frame to what is kept of it, such as one that scales
            it. Default: the frame.
        max_pixels: largest frame to accept, in pixels.
        max_frames: largest number of frames in the file to accept.

    Returns:
        uint8 RGB array `(len(indices), H, W, 3)`, upright.

    Raises:
        VideoError: if the file cannot be read, lacks one of the frames, or has
            changed since `probe`.
        ValueError: if `indices` is empty or has a negative entry.
    """
    indices = [int(i) for i in indices]
    if not indices or min(indices) < 0:
        raise ValueError(
            f"Expected indices to be frame numbers from 0. Received: {indices}."
        )
    path = _path_of(video)

    def keep(frame):
        frame = to_rgb(path, frame, max_pixels)
        try:
            return frame if transform is None else transform(frame)
        except ValueError as error:
            raise VideoError(path, str(error)) from error

    wanted = sorted(set(indices))

    def collect(steps, _):
        found = {}
        for step in steps:
            if step.position in wanted:
                found[step.position] = keep(step.frame)
            if step.position == wanted[-1]:
                return found

    limits = dict(max_pixels=max_pixels, max_frames=max_frames)
    found = decode_to(video, wanted, collect, **limits)
    if len({frame.shape for frame in found.values()}) > 1:
        raise VideoError(path, "the frame size changes within the video.")
    return np.stack([found[i] for i in indices])


def decode_to(
    video,
    wanted,
    collect,
    *,
    max_pixels=MAX_PIXELS,
    max_frames=MAX_FRAMES,
    options=NO_OPTIONS,
):
    """Decodes what leads to some frames.

    Args:
        video: path of a video file, or what `probe` found.
        wanted: positions in ascending order.
        collect: function of an iterator over `walk.Step`s, and of whether these are
            all frames of the video, to a result. It is called again, on all of them,
            where the index leads astray or the result is None.
        max_pixels: largest frame to accept, in pixels.
        max_frames: largest number of frames in the file to accept.
        options: of the decoder.

    Returns:
        The result.

    Raises:
        VideoError: if the file cannot be read, lacks one of the frames, or has
            changed since `probe`.
    """
    path, found = _path_of(video), None
    if isinstance(video, VideoInfo):
        index = video.index
        if video.state != _state(path):
            raise VideoError(path, "has changed since it was opened.")
    else:
        with open_video(path, max_pixels) as (container, stream):
            index, _ = read_index(path, container, stream, max_pixels, max_frames)
    if index is not None:
        check_length(path, wanted[-1], len(index.times))
        with (
            open_video(path, max_pixels, options) as (container, stream),
            contextlib.suppress(LostError),
        ):
            found = collect(walk(path, container, stream, index, wanted), False)
    if found is None:
        with open_video(path, max_pixels, options) as (container, stream):
            found = collect(count(path, container, stream, wanted[-1]), True)
    return found


def iterate_frames(path, *, max_pixels=MAX_PIXELS, max_frames=None):
    """Yields every frame of a video, one at a time.

    Args:
        path: path of a video file.
        max_pixels: largest frame to accept, in pixels.
        max_frames: largest number of frames to accept. Default: any, since no
            more than a few are held at a time.

    Yields:
        `(seconds, frame)`: time since the first frame, and uint8 RGB `(H, W, 3)`.

    Raises:
        VideoError: if the file cannot be read to its end, or its end is missing: it
            ends within its data, holds fewer frames than its header declares, or
            fewer can be decoded than it holds.
    """
    limits = dict(max_pixels=max_pixels, max_frames=max_frames)
    for seconds, frame in iterate_decoded(path, **limits):
        yield seconds, to_rgb(path, frame, max_pixels)


def iterate_decoded(
    path, *, max_pixels=MAX_PIXELS, max_frames=None, options=NO_OPTIONS
):
    """As `iterate_frames`, with each frame as an `av.VideoFrame`.

    Args:
        path: path of a video file.
        max_pixels: largest frame to accept, in pixels.
        max_frames: largest number of frames to accept. Default: any.
        options: of the decoder.
    """
    with open_video(path, max_pixels, options) as (container, stream):
        check_whole(path, container, stream, max_pixels)
        packets = PacketCount(container, stream)
        clock = Clock(path, container, stream, packets)
        first, number = None, -1
        for number, frame in enumerate(decode(path, container, stream, packets)):
            if number == max_frames:
                raise VideoError(path, f"has more than max_frames={max_frames}.")
            time = clock.rising_time(frame)
            first = time if first is None else first
            yield float(time - first), frame
        check_declared(path, container, stream, packets)
        check_decoded(path, number + 1, packets)
