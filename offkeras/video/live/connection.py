"""One connection to a camera or to an address, until it breaks."""

import re
import time

from offkeras.video.color import to_rgb
from offkeras.video.container import MAX_PIXELS, PADDING, VideoError, reason
from offkeras.video.streams.choice import video_stream

SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "tcp", "udp", "srt")
# Streams alone: a play list would name files and addresses of its own.
NETWORK_ONLY = {
    "protocol_whitelist": "rtsp,rtsps,rtp,srtp,http,https,httpproxy,rtmp,tcp,udp,tls,"
    "srt",
    "format_whitelist": "rtsp,rtp,mpjpeg,mjpeg,jpeg_pipe,mpegts,flv,h264,hevc,"
    "mpegvideo,m4v,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2",
}
# As little as possible is kept back, in the network and in the decoder.
NOW = {"fflags": "nobuffer", "flags": "low_delay", "rtsp_transport": "tcp"}


def checked_source(text):
    """The number of a camera, or an address, of a text.

    Raises:
        ValueError: if it is neither.
    """
    if text.isdecimal():
        return int(text)
    scheme, separator, _ = text.partition("://")
    if not separator or scheme.lower() not in SCHEMES:
        raise ValueError(
            "Expected the number of a camera, or an address that begins with one of "
            f"{', '.join(f'{name}://' for name in SCHEMES)}. Received: {text}."
        )
    return text


def shown(source):
    """The name of a source, without the password that an address may have."""
    if isinstance(source, int):
        return f"camera {source}"
    return re.sub(r"(?<=://)[^/@]*@", "", source)


def pictures(source, patience):
    """Yields the pictures of a source, as fast as they come, until it breaks.

    Args:
        source: number of a camera, or an address: `rtsp://`, `http://` and others of
            `SCHEMES`.
        patience: seconds to wait for the next picture before the connection counts as
            broken.

    Yields:
        `(arrived, decode)`: when it came, by `time.monotonic`, and a function of no
        argument to uint8 RGB `(H, W, 3)`: most pictures are never looked at.

    Raises:
        VideoError: if it cannot be opened, breaks or ends.
    """
    of = _camera if isinstance(source, int) else _address
    yield from of(source, patience)


def _camera(number, patience):
    import cv2

    name = shown(number)
    capture = cv2.VideoCapture(number)
    try:
        if not capture.isOpened():
            raise VideoError(name, "cannot be opened.")
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # what is old is of no use
        capture.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, 1000 * patience)
        while True:
            good, frame = capture.read()
            if not good:
                raise VideoError(name, "gave no picture.")
            yield time.monotonic(), lambda frame=frame: frame[..., ::-1].copy()
    finally:
        capture.release()


def _address(address, patience):
    import av

    name, limit = shown(address), {"max_pixels": str(MAX_PIXELS + PADDING)}
    try:
        with av.open(
            address,
            options={**limit, **NETWORK_ONLY, **NOW},
            timeout=(patience, patience),
            metadata_errors="replace",
        ) as container:
            stream = video_stream(container)
            if stream is None or stream.codec_context is None:
                raise VideoError(name, "has no video stream that can be decoded.")
            stream.thread_type = "SLICE"  # threads of frames keep frames back
            stream.codec_context.options = limit
            for packet in container.demux(stream):
                for frame in _decoded(packet):
                    decode = lambda frame=frame: to_rgb(name, frame)  # noqa: E731
                    yield time.monotonic(), decode
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, VideoError):
            raise
        raise VideoError(name, f"cannot be read ({reason(error)}).") from error
    raise VideoError(name, "has ended.")


def _decoded(packet):
    """The frames of a packet but for damaged ones, of which networks have some."""
    import av

    try:
        return [frame for frame in packet.decode() if not frame.is_corrupt]
    except av.error.InvalidDataError:
        return ()
