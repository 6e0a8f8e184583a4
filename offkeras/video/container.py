"""Opening a video container: its stream, its packets, its frames, its errors."""

import contextlib
import os
import types

from offkeras.video import media
from offkeras.video.packets import PacketCount, PacketTimes
from offkeras.video.streams.choice import video_stream

# What a damaged or hostile header may ask for.
MAX_PIXELS = 2**26  # per frame
MAX_FRAMES = 2**24  # where all time stamps are kept: a week at 25 a second
PADDING = 2**22  # pixels
# Neither play lists nor scripts, whatever the name of the file says: FFmpeg would open
# the files and addresses that they name.
FILES_ONLY = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,mpegts,mpeg,"
    "mpegvideo,flv,h264,hevc,ivf,obu,ogg,asf,nut,gif,apng,mjpeg,yuv4mpegpipe,m4v,vc1,"
    "dv,mxf",
}
NO_OPTIONS = types.MappingProxyType({})  # of a decoder
UNFINISHED = 2**30  # frames that FFmpeg declares in an AVI before it knows


def url(path):
    """A path as FFmpeg takes it, to which `a:b.mp4` is b.mp4 by the protocol a."""
    return f"file:{os.fspath(path)}"


class VideoError(ValueError):
    """A video file that cannot be read. The message begins with its path."""

    def __init__(self, path, reason):
        super().__init__(f"{path}: {reason}")
        self.reason = reason


@contextlib.contextmanager
def open_video(path, max_pixels, options=NO_OPTIONS):
    """The container and its video stream.

    Args:
        path: path of the file.
        max_pixels: largest frame to accept, in pixels.
        options: of the decoder.
    """
    import av

    if os.path.isdir(path):
        raise VideoError(path, "is a folder. Expected a video file.")
    if not os.path.isfile(path):
        if os.path.islink(path):
            raise VideoError(path, f"a link to {os.readlink(path)}: no such file.")
        raise VideoError(path, "no such file.")
    if os.path.getsize(path) == 0:
        raise VideoError(path, "the file is empty (0 bytes).")
    # FFmpeg counts lines that are padded to whole blocks, so it gets some room; it
    # refuses before it takes memory, also where the size changes on the way.
    limit = {"max_pixels": str(max_pixels + PADDING)}
    try:
        container = av.open(
            url(path), options=limit | FILES_ONLY, metadata_errors="replace"
        )
    except (av.error.FFmpegError, ValueError) as error:
        raise VideoError(path, f"not a readable video ({reason(error)}).") from error
    with container:
        stream = video_stream(container)
        if stream is None:
            raise VideoError(path, "has no video stream.")
        if stream.codec_context is None:
            raise VideoError(path, "this build of FFmpeg has no decoder for it.")
        stream.codec_context.options = {**options, **limit}
        context = stream.codec_context
        check_pixels(path, context.width, context.height, max_pixels)
        yield container, stream


def read_index(path, container, stream, max_pixels, max_frames=MAX_FRAMES):
    """Reads all packets of a stream; decodes them up to its first frame.

    Returns:
        `(index, frame)`: the `PacketIndex`, or None where only decoding can count
        frames; the first frame, None where there is none.
    """
    check_whole(path, container, stream, max_pixels)
    count, times, first = PacketCount(container, stream), PacketTimes(), None
    for packet in _packets(path, container, stream, count, max_frames):
        if packet.size and count.exact:
            times.add(packet)
        if first is None:
            first = next(iter(_decode_packet(path, stream, packet, 0)), None)
    check_declared(path, container, stream, count)
    known = count.exact and count.timed
    return times.index(stream.time_base) if known else None, first


def check_packets(path, max_pixels):
    """Refuses a file without its end, in constant memory and without decoding.

    Returns:
        The `PacketCount` of its video stream.
    """
    with open_video(path, max_pixels) as (container, stream):
        check_whole(path, container, stream, max_pixels)
        count = PacketCount(container, stream)
        for _ in _packets(path, container, stream, count):
            pass
        check_declared(path, container, stream, count)
    return count


def _packets(path, container, stream, count, max_frames=None):
    """Yields the packets of a stream and counts them, then checks their number."""
    import av

    try:
        for packet in container.demux(stream):
            if packet.size:
                count.add(packet)
                if max_frames is not None and count.packets > max_frames:
                    raise VideoError(path, f"has more than max_frames={max_frames}.")
            yield packet
    except (av.error.FFmpegError, IndexError) as error:
        raise VideoError(path, f"is damaged ({reason(error)}).") from error


def check_whole(path, container, stream, max_pixels):
    """Refuses a file that ends within the data that its header describes.

    MP4, MOV, Matroska and WebM say how long their data are. A recording that was
    never finished may not say so; it passes.
    """
    name = container.format.name
    cut = ("mp4" in name and media.mp4_is_cut(path)) or (
        "matroska" in name and media.matroska_is_cut(path)
    )
    if not cut:
        return
    with open_video(path, max_pixels) as (container, stream):
        count = PacketCount(container, stream)
        with contextlib.suppress(VideoError):  # the cut may tear a packet
            for _ in _packets(path, container, stream, count):
                pass
    of = f" of {stream.frames}" if stream.frames else ""
    raise VideoError(
        path,
        f"is truncated at frame {count.packets}{of}: the file ends within the data "
        "that its header describes.",
    )


def check_declared(path, container, stream, count):
    """Refuses a file that holds fewer frames than its header declares.

    Args:
        path: path of the file.
        container: the open container.
        stream: its video stream.
        count: `PacketCount` of all packets of the stream.
    """
    import av

    declared, held = stream.frames, count.held
    if declared > held and "mp4" in container.format.name:
        # An edit list may leave samples out.
        with av.open(
            url(path),
            options={"ignore_editlist": "1", **FILES_ONLY},
            metadata_errors="replace",
        ) as whole:
            packets = whole.demux(whole.streams[stream.index])
            held = sum(packet.size > 0 for packet in packets)
    if declared > held and count.is_avi and count.last_place is not None:
        held += media.empty_avi_chunks(path, count.last_place, stream.index)
    if declared > held and declared != UNFINISHED:
        raise VideoError(
            path,
            f"is truncated or damaged: its header declares {declared} frames, it "
            f"holds {held}.",
        )


def check_decoded(path, number, count):
    """Refuses a file of which not every frame could be decoded.

    Args:
        path: path of the file.
        number: of frames decoded.
        count: `PacketCount` of all packets that they came from.
    """
    if number == 0:
        raise VideoError(path, "no frame could be decoded.")
    if count.exact and number != count.frames:
        raise VideoError(
            path, f"is damaged: it holds {count.frames} frames, {number} were decoded."
        )


def check_pixels(path, width, height, max_pixels):
    """Refuses a frame that is too large."""
    if width * height > max_pixels:
        raise VideoError(
            path, f"a frame of {width}x{height} exceeds max_pixels={max_pixels}."
        )


def decode(path, container, stream, count=None):
    """Yields decoded frames in display order.

    Args:
        path: path of the file.
        container: the open container.
        stream: its video stream.
        count: `PacketCount` to take the packets that the frames come from.
    """
    number = 0
    count = count or PacketCount(container, stream)
    for packet in _packets(path, container, stream, count):
        for frame in _decode_packet(path, stream, packet, number):
            yield frame
            number += 1


def _decode_packet(path, stream, packet, number):
    """Yields the frames that come out of the decoder, the first of them `number`."""
    import av

    try:
        frames = packet.decode()
    except av.error.FFmpegError as error:
        text = reason(error)
        if not stream.codec_context.width:
            text = "its size is missing or exceeds max_pixels"
        raise VideoError(path, f"frame {number} cannot be decoded: {text}.") from error
    for place, frame in enumerate(frames, start=number):
        if frame.is_corrupt:
            raise VideoError(path, f"frame {place} is damaged.")
        yield frame


def reason(error):
    """FFmpeg's reason in one line."""
    if isinstance(error, IndexError):  # PyAV has no stream for such a packet
        return "a packet of a stream that the header does not know"
    return " ".join((getattr(error, "strerror", None) or str(error)).split())


def check_encoder(name):
    """Raises a `ValueError` where FFmpeg was built without an encoder."""
    import av

    try:
        av.Codec(name, "w")
    except ValueError as error:  # av's UnknownCodecError
        raise ValueError(f"This build of FFmpeg has no encoder {name!r}.") from error


def encode(path, stream, frame=None):
    """Packets of a frame, or the last ones.

    Raises:
        VideoError: if the encoder refuses frames of this size, which it looks at
            when the first one comes.
    """
    import av

    try:
        return stream.encode(frame)
    except av.error.ExternalError as error:
        raise VideoError(
            path,
            f"{stream.name} cannot encode frames of {stream.width}x{stream.height} "
            "pixels.",
        ) from error
