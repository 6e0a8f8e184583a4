"""An index of a video's frames from its packets, without decoding."""

import bisect
import fractions
import typing

# Codecs of which every packet shows exactly one frame. Others (hidden frames of
# VP8, frames MPEG-4 does not code) can only be counted by decoding.
ONE_FRAME_PER_PACKET = ("h264", "hevc", "vp9", "av1", "mjpeg", "ffv1")


class KeyFrame(typing.NamedTuple):
    """A frame at which decoding can start."""

    time: int  # presentation time stamp
    seek_time: int  # decoding time stamp, which demuxers seek by
    position: int  # in display order


class PacketIndex(typing.NamedTuple):
    """Presentation times of all frames in display order, and the key frames."""

    times: list
    keys: list
    time_base: fractions.Fraction  # seconds per tick

    def seconds(self):
        """Presentation times in seconds."""
        return [float(time * self.time_base) for time in self.times]

    def key_before(self, position):
        """The last key frame at or before a position."""
        times = [key.time for key in self.keys]
        return self.keys[bisect.bisect_right(times, self.times[position]) - 1]


def index_packets(container, stream):
    """Reads all packets of a video stream.

    Returns:
        `(index, num_packets)`; the index is None where packets and shown frames
        need not agree: other codecs, missing or repeated time stamps, damaged
        packets, a stream that does not begin with a key frame.
    """
    packets = [
        (p.pts, p.dts, p.is_keyframe, p.is_discard, p.is_corrupt)
        for p in container.demux(stream)
        if p.size
    ]
    return _index(packets, container, stream), len(packets)


def _index(packets, container, stream):
    codec = stream.codec_context.codec.canonical_name
    if codec not in ONE_FRAME_PER_PACKET or not packets:
        return None
    if container.format.name == "avi" and stream.codec_context.has_b_frames:
        return None  # AVI stores no presentation times; FFmpeg's are made up
    if any(pts is None or corrupt for pts, _, _, _, corrupt in packets):
        return None
    # What an edit list hides is decoded but not shown.
    times = sorted(pts for pts, _, _, discard, _ in packets if not discard)
    keys = sorted(
        (pts, pts if dts is None else dts) for pts, dts, key, _, _ in packets if key
    )
    if not times or len(set(times)) < len(times):
        return None
    if not packets[0][2] or min(pts for pts, *_ in packets) < packets[0][0]:
        return None
    return PacketIndex(
        times,
        [KeyFrame(pts, dts, bisect.bisect_left(times, pts)) for pts, dts in keys],
        stream.time_base,
    )
