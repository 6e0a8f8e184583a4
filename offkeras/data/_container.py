"""Opening a video container: its stream, its packets, its frames, its errors."""

import contextlib
import os
import pathlib

from offkeras.data._packets import index_packets

MAX_PIXELS = 2**26  # per frame; a damaged or hostile header can ask for more


class VideoError(ValueError):
    """A video file that cannot be read. The message begins with its path."""

    def __init__(self, path, reason):
        super().__init__(f"{path}: {reason}")
        self.reason = reason


@contextlib.contextmanager
def open_video(path, max_pixels):
    """The container and its video stream."""
    import av

    if not os.path.isfile(path):
        raise VideoError(path, "no such file.")
    if os.path.getsize(path) == 0:
        raise VideoError(path, "the file is empty (0 bytes).")
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, ValueError) as error:
        raise VideoError(path, f"not a readable video ({error}).") from error
    with container:
        cover = av.stream.Disposition.attached_pic
        streams = [s for s in container.streams.video if not s.disposition & cover]
        if not streams:
            raise VideoError(path, "has no video stream.")
        stream = streams[0]
        if stream.codec_context is None:
            raise VideoError(path, "this build of FFmpeg has no decoder for it.")
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > max_pixels:
            raise VideoError(
                path,
                f"a frame of {width}x{height} exceeds max_pixels={max_pixels}.",
            )
        yield container, stream


def read_index(path, max_pixels):
    """The packet index of a file, or None where only decoding can count frames."""
    import av

    with open_video(path, max_pixels) as (container, stream):
        try:
            index, num_packets = index_packets(container, stream)
        except av.error.FFmpegError as error:
            raise VideoError(path, f"is damaged ({error}).") from error
        if "mp4" in container.format.name and _is_cut_short(path):
            raise VideoError(
                path,
                f"is truncated at frame {num_packets}: the file ends within the data "
                "that its header describes.",
            )
    return index


def _is_cut_short(path):
    """Whether an MP4 or MOV file ends inside its media data."""
    size = os.path.getsize(path)
    start = 0
    with open(path, "rb") as file:
        while start + 8 <= size:
            file.seek(start)
            length = int.from_bytes(file.read(4), "big")
            kind = file.read(4)
            if length == 1:  # a 64-bit length follows
                length = int.from_bytes(file.read(8), "big")
            if kind == b"mdat" and start + length > size:
                return True
            if length < 8:  # 0: up to the end of the file
                return False
            start += length
    return False


def decode(path, container, stream):
    """Yields decoded frames in display order."""
    import av

    number = 0
    try:
        for frame in container.decode(stream):
            if frame.is_corrupt:
                raise VideoError(path, f"frame {number} is damaged.")
            yield frame
            number += 1
    except av.error.FFmpegError as error:
        raise VideoError(path, f"frame {number} cannot be decoded: {error}.") from error


def frame_time(path, container, stream, frame, number):
    """Time of a decoded frame in seconds, an exact fraction.

    AVI and raw streams have no presentation times and run at a constant rate.
    """
    if frame.pts is not None and container.format.name != "avi":
        return frame.pts * frame.time_base
    rate = stream.average_rate or stream.guessed_rate
    if not rate:
        raise VideoError(path, "has neither time stamps nor a frame rate.")
    return number / rate


def frame_seconds(path, container, stream, frame, number):
    """`frame_time` as a float."""
    return float(frame_time(path, container, stream, frame, number))


def check_encoder(name):
    """Raises a `ValueError` where FFmpeg was built without an encoder."""
    import av

    try:
        av.Codec(name, "w")
    except ValueError as error:  # av's UnknownCodecError
        raise ValueError(f"This build of FFmpeg has no encoder {name!r}.") from error


@contextlib.contextmanager
def written_whole(path):
    """A path to write to, beside `path`, which it becomes once it is complete."""
    path = pathlib.Path(path)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
