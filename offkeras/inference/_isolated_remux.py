"""`_remux` with all of FFmpeg in a process with bounds, see `data.isolated`.

The process decodes, encodes and copies the sound. This side sees pixels alone, and
writes the bytes of the new file, since the process may write no file.
"""

import collections
import contextlib
import fractions
import io
import os

import numpy as np

from offkeras.data._container import VideoError, check_encoder
from offkeras.data.isolated import DATA, END, MAX_DATA, Process
from offkeras.inference import _remux

NEXT, WRITE, CLOSE = b"N", b"W", b"C"  # the questions to the process
ROOM = 2**24  # bytes that a file may have beside those of its frames and its sound


def read_source(path):
    """As `_remux.read_source`; only time and pixels of a frame are known."""
    with Process(path, _send_source, {}) as process:
        while (frame := process.frame(process.record())) is not None:
            yield _source_frame(*frame)


@contextlib.contextmanager
def remux(path, file, *, container, crf, audio):
    """As `_remux.remux`; only time and pixels of a frame are known."""
    check_encoder(_remux.CODEC)
    options = dict(container=container, crf=crf, audio=audio)
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
            while (frame := process.frame(ask(NEXT))) is not None:
                yield _source_frame(*frame)

        def write(array, source):
            copy.room += 4 * array.size
            done(ask(WRITE, np.ascontiguousarray(array)))

        yield sources(), write
        done(ask(CLOSE))


def _source_frame(seconds, rgb):
    time = fractions.Fraction(seconds)
    return _remux.SourceFrame(time, fractions.Fraction(0), rgb, None, None)


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
    for source in _remux.read_source(path):
        first = source.time if first is None else first
        channel.write_frame(float(source.time - first), source.rgb)


def _serve(channel, path, **options):
    """Task of the process behind `remux`: answers questions."""
    waiting = collections.deque()  # frames to be written, without their pixels
    with _remux.remux(path, _Sent(channel), **options) as (sources, write):
        while (question := _read(channel, 1)) != CLOSE:
            if question == WRITE:
                shape, source = waiting.popleft()
                array = np.frombuffer(_read(channel, np.prod(shape)), np.uint8)
                write(array.reshape(shape), source)
                channel.write(END)
            elif (source := next(sources, None)) is None:
                channel.write(END)
            else:
                channel.write_frame(float(source.time), source.rgb)
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
