"""A video file in which only the pixels are new: clock, colours and sound stay."""

import contextlib
import fractions
import math
import typing

import numpy as np

from offkeras.data._color import Coding, encode_yuv, exact_rgb
from offkeras.data._container import (
    MAX_PIXELS,
    VideoError,
    check_decoded,
    check_encoder,
    check_packets,
    decode,
    encode,
    frame_time,
    open_video,
    reason,
)
from offkeras.data._packets import PacketCount

CODEC = "libx264"
CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}


class SourceFrame(typing.NamedTuple):
    """A decoded frame and what its copy must keep.

    Attributes:
        time: presentation time in seconds, exact.
        duration: seconds, 0 where the file does not say.
        rgb: uint8 `(H, W, 3)`, upright.
        coding: how the file codes its colours.
        aspect: width of an upright pixel by its height, None where unknown.
    """

    time: fractions.Fraction
    duration: fractions.Fraction
    rgb: np.ndarray
    coding: Coding
    aspect: fractions.Fraction | None


def read_source(path):
    """Yields every frame of a video as a `SourceFrame`.

    A file whose header shows that it is cut short is refused before the first
    frame: restoring takes long.

    Raises:
        VideoError: if a frame cannot be decoded, comes at the time of the frame
            before, has another size than the first, or is interlaced; if fewer can be
            decoded than the file holds.
    """
    check_packets(path, MAX_PIXELS)
    with open_video(path, MAX_PIXELS) as (container, stream):
        count = PacketCount(container, stream)
        previous, number = None, -1
        for number, frame in enumerate(decode(path, container, stream, count)):
            if frame.interlaced_frame:
                raise VideoError(
                    path,
                    f"frame {number} is interlaced. Deinterlace the video first, for "
                    "example by FFmpeg's filter bwdif.",
                )
            time = frame_time(path, container, stream, frame, number)
            source = _source_frame(path, stream, frame, time)
            if previous is not None:
                _check_order(path, number, previous, source)
            yield source
            previous = source
        check_decoded(path, number + 1, count)


def _source_frame(path, stream, frame, time):
    rgb, coding = exact_rgb(path, frame, stream.codec_context)
    aspect = stream.sample_aspect_ratio or None
    if aspect and frame.rotation % 180:
        aspect = 1 / aspect
    duration = (frame.duration or 0) * frame.time_base
    return SourceFrame(time, duration, rgb, coding, aspect)


def _check_order(path, number, previous, source):
    before, now = previous.rgb.shape, source.rgb.shape
    if now != before:
        raise VideoError(
            path,
            f"the frame size changes at frame {number}: expected "
            f"{before[1]}x{before[0]} as before, received {now[1]}x{now[0]}.",
        )
    if source.time <= previous.time:
        raise VideoError(
            path,
            f"frame {number} is shown at {float(source.time):.3f} s, not after the "
            f"frame before it ({float(previous.time):.3f} s).",
        )


@contextlib.contextmanager
def remux(path, file, *, container, crf, audio):
    """A reader of a video, and a writer of H.264 beside its sound.

    Args:
        path: the video whose clock and sound are kept.
        file: binary file to write, which can seek.
        container: one of the values of `CONTAINERS`.
        crf: quality of x264, 0 (lossless) to 51.
        audio: whether to copy the sound.

    Yields:
        What `read_source` gives, and a function `write(array, source)`: the uint8
        RGB array to show in the place of a `SourceFrame`.

    Raises:
        VideoError: also if the sound cannot be copied, or `container` cannot hold it.
    """
    import av

    check_encoder(CODEC)
    with (
        open_video(path, MAX_PIXELS) as (source, video),
        av.open(file, "w", format=container) as target,
    ):
        tracks = source.streams.audio if audio else ()
        start = _start(video, tracks)
        stream = target.add_stream(CODEC, rate=video.average_rate or video.guessed_rate)
        stream.options = {"crf": str(crf)}
        stream.codec_context.time_base = video.time_base
        sound = _Sound(path, source, target, tracks, start)
        durations = {}  # of frames that the encoder still holds
        coding = None  # that of the first frame, for all

        def mux(packets):
            for packet in packets:
                packet.duration = durations.pop(packet.pts) or packet.duration
                with _named(path, tracks):
                    sound.copy_until(packet.dts * packet.time_base)
                    target.mux(packet)

        def write(array, frame):
            nonlocal coding
            if coding is None:
                coding = frame.coding
                _configure(stream.codec_context, array, frame)
            encoded = encode_yuv(array, coding)
            encoded.time_base = video.time_base
            encoded.pts = round((frame.time - start) / video.time_base)
            durations[encoded.pts] = round(frame.duration / video.time_base)
            mux(encode(path, stream, encoded))

        yield read_source(path), write
        mux(encode(path, stream))
        with _named(path, tracks):
            sound.copy_until(math.inf)


@contextlib.contextmanager
def _named(path, tracks):
    """Names the video where a container refuses what it is given."""
    import av

    try:
        yield
    except av.error.FFmpegError as error:
        what = "its sound cannot be copied" if tracks else "cannot be written"
        advice = " Leave the sound out." if tracks else ""
        raise VideoError(path, f"{what} ({reason(error)}).{advice}") from error


def _start(video, tracks):
    """When the file begins: only MPEG-TS and the like begin later than 0."""
    starts = [s.start_time * s.time_base for s in (video, *tracks) if s.start_time]
    return max(0, min(starts, default=0))


def _configure(context, array, frame):
    """Tells the encoder what the first frame tells."""
    coding = frame.coding
    context.height, context.width = array.shape[:2]
    context.pix_fmt = coding.pixel_format
    context.colorspace, context.color_range = coding.matrix, coding.range
    context.color_primaries, context.color_trc = coding.primaries, coding.transfer
    if frame.aspect:
        context.sample_aspect_ratio = frame.aspect


class _Sound:
    """The audio packets of a video, copied as they are."""

    def __init__(self, path, source, target, tracks, start):
        self.path, self.target, self.start = path, target, start
        self.streams = {}
        for track in tracks:
            try:
                self.streams[track.index] = target.add_stream_from_template(track)
            except ValueError as error:
                raise VideoError(
                    path,
                    f"its sound cannot be copied: {error}. Write an .mkv, or leave "
                    "the sound out.",
                ) from error
        packets = source.demux(*tracks) if tracks else ()
        self.packets = (packet for packet in packets if packet.size)
        self.waiting = None

    def copy_until(self, time):
        """Copies the packets up to a time in seconds."""
        while True:
            packet = self.waiting or next(self.packets, None)
            self.waiting = packet
            if packet is None:
                return
            if packet.dts is None or packet.pts is None:
                raise VideoError(
                    self.path, "its sound has no time stamps. Leave the sound out."
                )
            if packet.dts * packet.time_base - self.start > time:
                return
            shift = round(self.start / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = self.streams[packet.stream.index]
            self.target.mux(packet)
            self.waiting = None
