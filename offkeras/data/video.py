"""Video files: what they hold, chosen frames, all frames, writing.

Frame `i` is always the i-th frame that a player would show: frames are matched by
their time stamps, never by dividing by the frame rate. A file that cannot give a
frame raises a `VideoError` that names it; no frame ever stands in for another.
"""

import contextlib
import dataclasses
import fractions

import numpy as np

from offkeras.data._color import to_rgb
from offkeras.data._container import (
    MAX_FRAMES,
    MAX_PIXELS,
    VideoError,
    check_declared,
    check_decoded,
    check_encoder,
    check_whole,
    decode,
    encode,
    frame_seconds,
    open_video,
    read_index,
    written_whole,
)
from offkeras.data._packets import PacketCount


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
    """

    path: str
    num_frames: int
    fps: float
    height: int
    width: int
    duration: float


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
    with open_video(path, max_pixels) as (container, stream):
        rate = stream.average_rate or stream.guessed_rate
        frame = next(decode(path, container, stream), None)
        if frame is None:
            raise VideoError(path, "no frame could be decoded.")
        height, width = to_rgb(path, frame, None, max_pixels).shape[:2]
    index = read_index(path, max_pixels, max_frames)
    if index is None:
        times = _decoded_times(path, max_pixels, max_frames)
    else:
        last = len(index.times) - 1
        times = last + 1, index.seconds(0), index.seconds(last)
    fps = _frame_rate(path, *times, rate)
    return VideoInfo(str(path), times[0], fps, height, width, times[0] / fps)


def _decoded_times(path, max_pixels, max_frames):
    """Number of frames, and seconds of the first and of the last, by decoding."""
    times = []
    with open_video(path, max_pixels) as (container, stream):
        for number, frame in enumerate(decode(path, container, stream)):
            if number == max_frames:
                raise VideoError(path, f"has more than max_frames={max_frames}.")
            seconds = frame_seconds(path, container, stream, frame, number)
            times = [*times[:1], seconds]
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
    path, indices, *, size=None, max_pixels=MAX_PIXELS, max_frames=MAX_FRAMES
):
    """Reads the frames at `indices`, decoding only what they need.

    Args:
        path: path of a video file.
        indices: 0-based frame indices in any order; repeats are allowed.
        size: length in pixels to scale the shorter side to; by default frames keep
            their size.
        max_pixels: largest frame to accept, in pixels, before and after scaling.
        max_frames: largest number of frames in the file to accept.

    Returns:
        uint8 RGB array `(len(indices), H, W, 3)`, upright.

    Raises:
        VideoError: if the file cannot be read or lacks one of the frames.
        ValueError: if `indices` is empty or has a negative entry.
    """
    indices = [int(i) for i in indices]
    if not indices or min(indices) < 0:
        raise ValueError(
            f"Expected indices to be frame numbers from 0. Received: {indices}."
        )
    wanted = sorted(set(indices))
    index = read_index(path, max_pixels, max_frames)
    found = None
    if index is not None:
        if wanted[-1] >= len(index.times):
            raise VideoError(
                path,
                f"frame {wanted[-1]} does not exist: the video has "
                f"{len(index.times)} frames.",
            )
        with open_video(path, max_pixels) as (container, stream):
            found = _seek_frames(
                path, container, stream, index, wanted, size, max_pixels
            )
    if found is None:
        with open_video(path, max_pixels) as (container, stream):
            found = _count_frames(path, container, stream, wanted, size, max_pixels)
    if len({frame.shape for frame in found.values()}) > 1:
        raise VideoError(path, "the frame size changes within the video.")
    return np.stack([found[i] for i in indices])


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
    with open_video(path, max_pixels) as (container, stream):
        check_whole(path, container, stream, max_pixels)
        count = PacketCount(container, stream)
        first, number = None, -1
        for number, frame in enumerate(decode(path, container, stream, count)):
            if number == max_frames:
                raise VideoError(path, f"has more than max_frames={max_frames}.")
            time = frame_seconds(path, container, stream, frame, number)
            first = time if first is None else first
            yield time - first, to_rgb(path, frame, None, max_pixels)
        check_declared(path, container, stream, count)
        check_decoded(path, number + 1, count)


def write_video(path, frames, *, fps, codec="libx264"):
    """Writes frames to a video file, in 4:2:0 colour.

    Odd heights and widths are padded to even ones by repeating the last row or
    column. The file appears under its name only once it is complete.

    Args:
        path: path to write, whose suffix chooses the container (`.mp4`).
        frames: iterable of uint8 RGB arrays `(H, W, 3)` of one size.
        fps: frames per second.
        codec: name of an FFmpeg encoder.

    Raises:
        ValueError: if there is no frame, a frame is not uint8 RGB of the first
            one's size, `fps` is not positive, this build of FFmpeg lacks the
            encoder, the suffix is no container that can hold what it writes, or it
            cannot encode frames of this size (a `VideoError`).
    """
    import av

    if not fps > 0:
        raise ValueError(f"Expected fps to be positive. Received: {fps}.")
    check_encoder(codec)
    with contextlib.ExitStack() as stack:
        partial = stack.enter_context(written_whole(path))
        try:
            container = stack.enter_context(av.open(str(partial), "w"))
            rate = fractions.Fraction(float(fps)).limit_denominator(1001)
            stream = container.add_stream(codec, rate=rate, pix_fmt="yuv420p")
        except ValueError as error:
            raise ValueError(
                f"Expected {path} to end in .mp4, .mkv or another container for "
                f"{codec} ({error})."
            ) from error
        _write_frames(path, frames, container, stream)


def _write_frames(path, frames, container, stream):
    import av

    shape = None
    for number, array in enumerate(frames):
        array = np.asarray(array)
        _check_frame(number, array, shape or array.shape)
        shape = array.shape
        height, width = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2
        if number == 0:
            stream.height, stream.width = height, width
        padding = ((0, height - shape[0]), (0, width - shape[1]), (0, 0))
        array = np.pad(array, padding, "edge")
        frame = av.VideoFrame.from_ndarray(array, format="rgb24")
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


def _count_frames(path, container, stream, wanted, size, max_pixels):
    """Frames by position, decoding from the start."""
    found = {}
    number = -1
    for number, frame in enumerate(decode(path, container, stream)):
        if number in wanted:
            found[number] = to_rgb(path, frame, size, max_pixels)
            if number == wanted[-1]:
                return found
    missing = min(set(wanted) - set(found))
    raise VideoError(
        path, f"frame {missing} does not exist: the video has {number + 1} frames."
    )


def _seek_frames(path, container, stream, index, wanted, size, max_pixels):
    """Frames by position, from the key frames before them.

    Returns None where decoding does not follow the index; counting then decides.
    """
    found = {}
    current = -1  # position of the last decoded frame; None just after a seek
    count = PacketCount(container, stream)
    decoder = decode(path, container, stream, count)
    try:
        for target in wanted:
            key = index.key_before(target)
            if key.position > current + 1:
                container.seek(key.seek_time, stream=stream)
                count = PacketCount(container, stream)
                decoder = decode(path, container, stream, count)
                current = None
            while current != target:
                frame = next(decoder, None)
                position = None if frame is None else index.position(frame.pts)
                if position is None or position > target:
                    return None
                if current is not None and position != current + 1:
                    return None
                if current is None and not index.is_at(count.first, count.first_place):
                    return None
                current = position
            found[target] = to_rgb(path, frame, size, max_pixels)
    except VideoError:
        return None  # decoding from the start tells which frame is at fault
    return found
