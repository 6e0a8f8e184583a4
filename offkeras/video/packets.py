"""The packets of a video: an index of its frames, and a count of them.

Neither needs decoding. Both are exact only where every packet shows one frame.
"""

import array
import bisect
import collections
import fractions
import typing

import numpy as np

# Codecs of which every packet shows exactly one frame. Others (hidden frames of
# VP8, frames MPEG-4 does not code) can only be counted by decoding.
ONE_FRAME_PER_PACKET = ("h264", "hevc", "vp9", "av1", "mjpeg", "ffv1")
# Further back than this, in seconds, another recording begins; FFmpeg's own bound.
JOINT = fractions.Fraction(1, 10)
REORDERED = 64  # packets among which a time stamp could occur twice


class KeyFrame(typing.NamedTuple):
    """A frame at which decoding can start."""

    time: int  # presentation time stamp
    seek_time: int  # decoding time stamp, which demuxers seek by
    position: int  # in display order


class PacketIndex(typing.NamedTuple):
    """Presentation times of all frames in display order, and the key frames.

    Some 8 bytes per frame and 24 more per key frame.
    """

    times: np.ndarray
    key_times: np.ndarray
    seek_times: np.ndarray  # of the key frames
    places: np.ndarray  # of the key frames in the file, in bytes
    time_base: fractions.Fraction  # seconds per tick

    def seconds(self, position):
        """Presentation time of a frame in seconds."""
        return float(int(self.times[position]) * self.time_base)

    def position(self, time):
        """The frame shown at a time stamp, or None."""
        found = bisect.bisect_left(self.times, time)
        known = found < len(self.times) and self.times[found] == time
        return found if known else None

    def is_at(self, time, place):
        """Whether a key frame of this time stamp lies at a place of the file.

        A damaged index of the file itself leads a demuxer elsewhere.
        """
        key = bisect.bisect_left(self.key_times, time)
        known = key < len(self.key_times) and self.key_times[key] == time
        return known and self.places[key] == place

    def key_before(self, position):
        """The last key frame at or before a position."""
        key = bisect.bisect_right(self.key_times, self.times[position]) - 1
        time, seek_time = int(self.key_times[key]), int(self.seek_times[key])
        return KeyFrame(time, seek_time, bisect.bisect_left(self.times, time))


class PacketCount:
    """Counts the packets of a stream as they pass, in constant memory.

    Attributes:
        packets: how many have passed.
        frames: how many of them are shown.
        exact: whether as many frames must be decoded: not with other codecs, missing
            or repeated time stamps, damaged packets, or a stream that does not
            begin with a key frame.
        timed: whether the packets tell when their frames are shown.
        first_slot: decoding time stamp of the first packet, None where it has none.
        last_place: of the last packet in the file, in bytes; None where it has none.
        joint: the packet at which the clock goes back, since one recording follows
            another there; None where it does not.
    """

    def __init__(self, container, stream):
        codec = stream.codec_context.codec.canonical_name
        self.is_avi = container.format.name == "avi"
        # AVI stores no presentation times; FFmpeg's are made up.
        made_up = self.is_avi and stream.codec_context.has_b_frames
        self.exact = codec in ONE_FRAME_PER_PACKET and not made_up
        self.packets = self.frames = self.slots = 0
        self.first = self.first_place = self.first_slot = None
        self.timed, self.last_time, self.joint = True, None, None
        self.last_place = None
        self.recent = collections.deque(maxlen=REORDERED)

    def add(self, packet):
        """Takes a packet that holds data."""
        if self.packets == 0:
            self.first, self.first_place = packet.pts, packet.pos
            self.first_slot = packet.dts
            self.exact &= packet.is_keyframe
        self._follow_clock(packet)
        self.packets += 1
        self.last_place = packet.pos
        self.frames += not packet.is_discard  # what an edit list hides is not shown
        if self.is_avi and packet.dts is not None:
            self.slots = max(self.slots, packet.dts + 1)
        if packet.pts is None or packet.is_corrupt:
            self.exact = False
        elif self.exact:
            self.exact = packet.pts not in self.recent and packet.pts >= self.first
            self.recent.append(packet.pts)

    def _follow_clock(self, packet):
        """Takes the time stamps of the next packet."""
        # Of AVI, FFmpeg makes up those of the codecs that may reorder frames.
        self.timed &= not self.is_avi or packet.pts == packet.dts
        if packet.dts is None:
            return
        if self.last_time is not None and packet.dts < self.last_time:
            self.timed = False
            back = (self.last_time - packet.dts) * packet.time_base
            if self.joint is None and back > JOINT:
                self.joint = self.packets
        self.last_time = packet.dts

    @property
    def held(self):
        """Frames of the file in the sense of its header.

        In an AVI file of variable rate these include slots without a frame.
        """
        return max(self.packets, self.slots)


class PacketTimes:
    """Keeps the time stamps of packets, 18 bytes for each, 26 for a key frame."""

    def __init__(self):
        self.pts, self.dts = array.array("q"), array.array("q")
        self.keys, self.hidden = bytearray(), bytearray()
        self.places = array.array("q")  # of key frames alone

    def add(self, packet):
        """Takes a packet that has a presentation time."""
        self.pts.append(packet.pts)
        self.dts.append(packet.pts if packet.dts is None else packet.dts)
        self.keys.append(packet.is_keyframe)
        self.hidden.append(packet.is_discard)
        if packet.is_keyframe:
            self.places.append(-1 if packet.pos is None else packet.pos)

    def index(self, time_base):
        """The `PacketIndex`, or None where time stamps are repeated."""
        pts, dts = np.array(self.pts), np.array(self.dts)
        keys, hidden = (np.frombuffer(f, bool) for f in (self.keys, self.hidden))
        times = np.sort(pts[~hidden])
        if not len(times) or (np.diff(times) == 0).any():
            return None
        order = np.lexsort((dts[keys], pts[keys]))
        keyed = (pts[keys], dts[keys], np.array(self.places))
        return PacketIndex(times, *(field[order] for field in keyed), time_base)
