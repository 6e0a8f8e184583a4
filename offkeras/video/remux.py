"""A video file in which only the pixels are new: clock, colours and sound stay."""

import contextlib
import fractions
import math
import typing

import numpy as np

from offkeras.video.color import Coding, encode_yuv, exact_rgb, set_coding
from offkeras.video.container import (
    MAX_PIXELS,
    VideoError,
    check_decoded,
    check_packets,
    decode,
    encode,
    open_video,
    reason,
)
from offkeras.video.packets import PacketCount
from offkeras.video.streams.clock import Clock
from offkeras.video.streams.encoder import container_tag
from offkeras.video.streams.labels import copy_file_labels, copy_track_labels
from offkeras.video.streams.light import x264_light
from offkeras.video.streams.orientation import pixel_aspect
from offkeras.video.streams.quantiser import EXPORT, Quantiser, quantiser
from offkeras.video.streams.target import can_hold, open_target

CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}


class SourceFrame(typing.NamedTuple):
    """A decoded frame and what its copy must keep.

    Attributes:
        time: presentation time in seconds, exact.
        duration: seconds, 0 where the file does not say.
        rgb: uint8 `(H, W, 3)`, upright.
        coding: how the file codes its colours.
        aspect: width of an upright pixel by its height, None where unknown.
        light: what the file tells of a high dynamic range, see `x264_light`.
        quantiser: how coarsely it is quantised, None where the decoder tells nothing.
    """

    time: fractions.Fraction
    duration: fractions.Fraction
    rgb: np.ndarray
    coding: Coding
    aspect: fractions.Fraction | None
    light: str = ""
    quantiser: Quantiser | None = None


def read_source(path):
    """Yields every frame of a video as a `SourceFrame`.

    A file that is cut short or whose clock goes back is refused before the first
    frame: restoring takes long.

    Raises:
        VideoError: if a frame cannot be decoded, comes at the time of the frame
            before, has another size than the first, or is interlaced; if fewer can be
            decoded than the file holds.
    """
    joint = check_packets(path, MAX_PIXELS).joint
    if joint is not None:
        raise VideoError(
            path,
            f"its clock goes back at frame {joint}: expected one recording, received "
            "another behind it. Restore them one by one.",
        )
    with open_video(path, MAX_PIXELS, EXPORT) as (container, stream):
        count = PacketCount(container, stream)
        clock = Clock(path, container, stream, count)
        previous, number = None, -1
        for number, frame in enumerate(decode(path, container, stream, count)):
            if frame.interlaced_frame:
                raise VideoError(
                    path,
                    f"frame {number} is interlaced. Deinterlace the video first, for "
                    "example by FFmpeg's filter bwdif.",
                )
            source = _source_frame(path, stream, frame, clock.time(frame))
            if previous is not None:
                _check_order(path, number, previous, source)
                if source.quantiser is None:  # the last one of MPEG-2
                    source = source._replace(quantiser=previous.quantiser)
            yield source
            previous = source
        check_decoded(path, number + 1, count)


def _source_frame(path, stream, frame, time):
    context = stream.codec_context
    rgb, coding = exact_rgb(path, frame, context)
    aspect = pixel_aspect(path, stream, frame)
    duration = (frame.duration or 0) * frame.time_base
    told = x264_light(frame), quantiser(frame, context)
    return SourceFrame(time, duration, rgb, coding, aspect, *told)


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
def remux(path, file, *, container, encoder, audio):
    """A reader of a video, and a writer of new pictures beside its sound.

    Args:
        path: the video whose clock and sound are kept.
        file: binary file to write, which can seek.
        container: one of the values of `CONTAINERS`.
        encoder: the `Encoder` of the pictures.
        audio: whether to copy the sound.

    Yields:
        What `read_source` gives, and a function `write(array, source)`: the uint8
        RGB array to show in the place of a `SourceFrame`.

    Raises:
        VideoError: also if the sound cannot be copied, or `container` cannot hold it.
    """
    from av.codec.context import Flags

    encoder.check()
    with contextlib.ExitStack() as stack:
        source, video = stack.enter_context(open_video(path, MAX_PIXELS))
        tracks = source.streams.audio if audio else ()
        target = stack.enter_context(open_target(file, container, tracks))
        start = _start(video, tracks)
        rate = video.average_rate or video.guessed_rate
        stream = target.add_stream(encoder.codec, rate=rate)
        if tag := container_tag(encoder.codec, container):
            stream.codec_context.codec_tag = tag
        stream.codec_context.time_base = video.time_base
        stream.codec_context.flags |= Flags.global_header.value
        sound = _Sound(path, source, target, tracks, start)
        copy_file_labels(source, target, start)
        for track, copy in ((video, stream), *sound.pairs):
            copy_track_labels(track, copy, target)
        durations = {}  # of frames that the encoder still holds
        coding = None  # that of the first frame, for all

        def mux(packets):
            for packet in packets:
                packet.duration = durations.pop(packet.pts) or packet.duration
                with _named(path, container, tracks):
                    sound.copy_until(packet.dts * packet.time_base)
                    target.mux(packet)

        def write(array, frame):
            nonlocal coding
            if coding is None:
                coding = frame.coding
                _configure(stream, array, frame)
                stream.options = encoder.options(frame.light)
            encoded = encode_yuv(array, coding)
            encoded.time_base = video.time_base
            encoded.pts = round((frame.time - start) / video.time_base)
            durations[encoded.pts] = round(frame.duration / video.time_base)
            mux(encode(path, stream, encoded))

        yield read_source(path), write
        mux(encode(path, stream))
        with _named(path, container, tracks):
            sound.copy_until(math.inf)


@contextlib.contextmanager
def _named(path, container, tracks):
    """Names the video where a container refuses what it is given."""
    import av

    try:
        yield
    except (av.error.FFmpegError, IndexError) as error:  # the latter as in reading
        what = "its sound cannot be copied" if tracks else "cannot be written"
        advice = _advice(container, tracks) if tracks else ""
        raise VideoError(path, f"{what} ({reason(error)}).{advice}") from error


def _advice(container, tracks):
    """What to do about sound that cannot be copied."""
    able = [suffix for suffix, name in CONTAINERS.items() if can_hold(name, tracks)]
    if not able or container in map(CONTAINERS.get, able):
        return " Leave the sound out."
    return f" Write {' or '.join(able)}, or leave the sound out."


def _start(video, tracks):
    """When the file begins: what comes earlier would be hidden.

    Only MPEG-TS and the like begin later than 0, and then with their first stream. The
    sound may begin before 0, with what a decoder needs; no picture may.
    """
    starts = [
        stream.start_time * stream.time_base
        for stream in (video, *tracks)
        if stream.start_time is not None
    ]
    first_picture = (video.start_time or 0) * video.time_base
    return max(min(starts, default=0), min(first_picture, 0))


def _configure(stream, array, frame):
    """Tells the encoder what the first frame tells."""
    context = stream.codec_context
    context.height, context.width = array.shape[:2]
    set_coding(context, frame.coding)
    if frame.aspect:
        context.sample_aspect_ratio = frame.aspect


class _Sound:
    """The audio packets of a video, copied as they are."""

    def __init__(self, path, source, target, tracks, start):
        self.path, self.target, self.start = path, target, start
        self.streams, self.pairs = {}, []
        for track in tracks:
            try:
                copy = target.add_stream_from_template(track)
            except ValueError as error:
                advice = _advice(target.format.name, tracks)
                raise VideoError(
                    path, f"its sound cannot be copied: {error}.{advice}"
                ) from error
            self.streams[track.index] = copy
            self.pairs.append((track, copy))
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
