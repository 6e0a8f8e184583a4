"""`remux` with all of FFmpeg in a process with bounds, see `isolated`.

The process decodes, encodes and copies the sound. This side sees pixels alone, and
writes the bytes of the new file, since the process may write no file.
"""

import collections
import contextlib
import fractions
import io
import math
import os

import numpy as np

from offkeras.video import remux as plain
from offkeras.video.container import VideoError
from offkeras.video.isolated import DATA, END, MAX_DATA, Process
from offkeras.video.streams.encoder import Encoder
from offkeras.video.streams.quantiser import Quantiser

NEXT, WRITE, CLOSE = b"N", b"W", b"C"  # the questions to the process
QUANTISER = b"Q"  # a record before a frame: the value, the length of the codec's name
ROOM = 2**24  # bytes that a file may have beside those of its frames and its sound


def read_source(path):
    """As `remux.read_source`; time, pixels and quantiser are known."""
    with Process(path, _send_source, {}) as process:
        while (source := _source_frame(process, process.record())) is not None:
            yield source


@contextlib.contextmanager
def remux(path, file, *, container, encoder, audio):
    """As `remux.remux`; of a frame time, pixels and quantiser are known."""
    encoder.check()
    options = dict(container=container, encoder=encoder, audio=audio)
    with Process(path, _serve, options) as process:
        copy = _Copy(path, file)

        def ask(*question):
            for part in question:
                process.send(part)
            record = process.record()
            while record[0] == DATA:
                copy.take(process, record)
                record = process.record()
            return record

        def done(record):
            if record[0] != END:
                raise VideoError(path, "its decoder gave a wrong answer.")

        def sources():
            while (source := _source_frame(process, ask(NEXT))) is not None:
                yield source

        def write(array, source):
            copy.room += 4 * array.size
            done(ask(WRITE, np.ascontiguousarray(array)))

        yield sources(), write
        done(ask(CLOSE))


def _source_frame(process, record):
    """The frame that a record begins, None if there is no more."""
    quantiser = None
    if record[0] == QUANTISER:
        _, value, _, length = record
        quantiser = Quantiser(process.text(length), value)
        if not (quantiser.codec.isidentifier() and math.isfinite(value)):
            raise VideoError(process.path, "its decoder gave a wrong answer.")
        record = process.record()
    frame = process.frame(record)
    if frame is None:
        return None
    seconds, rgb = frame
    time, duration = fractions.Fraction(seconds), fractions.Fraction(0)
    return plain.SourceFrame(time, duration, rgb, None, None, quantiser=quantiser)


def _write_source(channel, seconds, source):
    if source.quantiser is not None:
        codec, value = source.quantiser
        codec = codec.encode()
        channel.write(QUANTISER, value, width=len(codec), data=codec)
    channel.write_frame(seconds, source.rgb)


class _Copy:
    """The file that the process writes, byte by byte as it says."""

    def __init__(self, path, file):
        self.path, self.file = path, file
        self.end = 0
        self.room = ROOM + 2 * (os.path.getsize(path) if os.path.isfile(path) else 0)

    def take(self, process, record):
        """Writes the bytes that follow a record."""
        _, place, _, length = record
        self.room -= length
        if not 0 <= place <= self.end or length > MAX_DATA or self.room < 0:
            raise VideoError(self.path, "its decoder gave a wrong file.")
        data = bytearray(length)
        process.read_into(memoryview(data))
        self.file.seek(int(place))
        self.file.write(data)
        self.end = max(self.end, int(place) + length)


def _send_source(channel, path):
    """Task of the process behind `read_source`."""
    first = None
    for source in plain.read_source(path):
        first = source.time if first is None else first
        _write_source(channel, float(source.time - first), source)


def _serve(channel, path, *, encoder, **options):
    """Task of the process behind `remux`: answers questions."""
    waiting = collections.deque()  # frames to be written, without their pixels
    encoder = Encoder(*encoder)
    opened = plain.remux(path, _Sent(channel), encoder=encoder, **options)
    with opened as (sources, write):
        while (question := _read(channel, 1)) != CLOSE:
            if question == WRITE:
                shape, source = waiting.popleft()
                array = np.frombuffer(_read(channel, np.prod(shape)), np.uint8)
                write(array.reshape(shape), source)
                channel.write(END)
            elif (source := next(sources, None)) is None:
                channel.write(END)
            else:
                _write_source(channel, float(source.time), source)
                waiting.append((source.rgb.shape, source._replace(rgb=None)))


def _read(channel, length):
    data = bytearray(length)
    channel.read_into(memoryview(data))
    return data


class _Sent(io.RawIOBase):
    """A file of which every byte goes to the other side."""

    def __init__(self, channel):
        self.channel, self.place, self.end = channel, 0, 0

    def writable(self):
        """True."""
        return True

    def seekable(self):
        """True."""
        return True

    def tell(self):
        """Where the next bytes go."""
        return self.place

    def seek(self, offset, whence=os.SEEK_SET):
        """Moves there."""
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self.place, os.SEEK_END: self.end}
        self.place = starts[whence] + offset
        return self.place

    def write(self, data):
        """Sends bytes."""
        self.channel.write_data(self.place, data)
        self.place += len(data)
        self.end = max(self.end, self.place)
        return len(data)
