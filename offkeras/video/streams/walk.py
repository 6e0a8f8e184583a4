"""Decoding on the way to chosen frames, from the key frames before them."""

import typing

from offkeras.video.container import VideoError, decode
from offkeras.video.packets import PacketCount


class Step(typing.NamedTuple):
    """A frame that was decoded on the way.

    Attributes:
        position: of the frame, in the order of display.
        frame: the `av.VideoFrame`.
        begins: whether what was decoded before it is not what comes before it.
    """

    position: int
    frame: object
    begins: bool


class LostError(Exception):
    """Decoding does not follow the index: only counting from the start tells."""


def walk(path, container, stream, index, wanted):
    """Yields a `Step` for every frame that is decoded up to the last wanted one.

    Args:
        path: path of the file.
        container: the open container.
        stream: its video stream.
        index: its `PacketIndex`.
        wanted: positions in ascending order.

    Raises:
        LostError: if a frame is damaged, or another one comes than the index says.
    """
    import av

    current = -1  # position of the last decoded frame; None just after a seek
    count = PacketCount(container, stream)
    decoder = decode(path, container, stream, count)
    begins = True
    try:
        for target in wanted:
            key = index.key_before(target)
            if key.position > current + 1:
                container.seek(key.seek_time, stream=stream)
                count = PacketCount(container, stream)
                decoder = decode(path, container, stream, count)
                current, begins = None, True
            while current != target:
                frame = next(decoder, None)
                position = None if frame is None else index.position(frame.pts)
                if position is None or position > target:
                    raise LostError
                if current is not None and position != current + 1:
                    raise LostError
                if current is None and not index.is_at(count.first, count.first_place):
                    raise LostError
                current = position
                yield Step(position, frame, begins)
                begins = False
    except (VideoError, av.error.FFmpegError) as error:  # the latter of seeking
        # Decoding from the start tells which frame is at fault.
        raise LostError from error


def count(path, container, stream, last):
    """Yields a `Step` for every frame of a video, by counting from its start.

    Raises:
        VideoError: if the video ends before the frame at `last`.
    """
    position = -1
    for position, frame in enumerate(decode(path, container, stream)):
        yield Step(position, frame, position == 0)
    check_length(path, last, position + 1)


def check_length(path, last, length):
    """Refuses a video without the frame at `last`."""
    if last >= length:
        raise VideoError(
            path, f"frame {last} does not exist: the video has {length} frames."
        )
