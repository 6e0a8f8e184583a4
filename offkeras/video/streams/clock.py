"""When the frames of a stream are shown."""

import fractions

from offkeras.video.container import VideoError
from offkeras.video.packets import JOINT


class Clock:
    """Tells the times of frames, one after another as they are decoded.

    Args:
        path: path of the video, for errors.
        container: the open container.
        stream: its video stream.
        count: the `PacketCount` of the packets that the frames come from.
    """

    def __init__(self, path, container, stream, count):
        self.path, self.stream, self.count = path, stream, count
        self.has_slots = container.format.name == "avi"
        self.number = 0  # of the next frame
        self.slot = self.lag = None
        self.rising = _Rising(stream)

    def time(self, frame):
        """The time that the file states, in seconds, an exact fraction."""
        self.number += 1
        if self.has_slots:
            return self._slot(frame) * self.stream.time_base
        if frame.pts is not None:
            return frame.pts * frame.time_base
        rate = self.stream.average_rate or self.stream.guessed_rate
        if not rate:
            raise VideoError(self.path, "has neither time stamps nor a frame rate.")
        return (self.number - 1) / rate

    def rising_time(self, frame):
        """As `time`, but later than that of the frame before.

        Where one recording follows another in a file, the clock goes back: there the
        second goes on where the first ends.
        """
        return self.rising.follow(self.time(frame))

    def _slot(self, frame):
        """The place of a frame among the chunks of an AVI file.

        These have no time stamps: each is shown for as long as any other, and an
        empty one, which no packet comes of, repeats the frame before. A frame leaves
        the decoder with the chunk in whose place it is shown, or as many chunks later
        as all others; the last ones come without.
        """
        if frame.dts is not None:
            slot = frame.dts
        else:
            slot = 0 if self.slot is None else self.slot + 1
        if self.lag is None:
            first = self.count.first_slot
            self.lag = 0 if first is None else slot - first
        self.slot = slot
        return slot - self.lag


class _Rising:
    """Makes times rise."""

    def __init__(self, stream):
        self.tick = stream.time_base or fractions.Fraction(1, 1000)
        rate = stream.average_rate or stream.guessed_rate
        self.step = 1 / rate if rate else self.tick
        self.offset, self.last = 0, None

    def follow(self, time):
        """The time of the frame after the last one."""
        time += self.offset
        if self.last is not None:
            if time < self.last - JOINT:
                self.offset += self.last + self.step - time
                time = self.last + self.step
            elif time <= self.last:  # a single frame that comes too early
                time = self.last + self.tick
        self.last = time
        return time
