"""Reading a video in a process of its own, for files that nobody vouches for.

FFmpeg is large and written in C: a hostile file may crash it, keep it busy for ever
or make it take memory. Here it runs in a process with bounds on memory and time that
may write no file; whatever happens to it becomes a `VideoError`. What it answers is
taken as data of known size, never as objects. The functions are those of `video`.

This is no sandbox: the process may read what its user may read.
"""

import contextlib
import fractions
import json
import math
import os
import re
import select
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from offkeras.video import reading as video
from offkeras.video.color import Coding
from offkeras.video.container import MAX_FRAMES, MAX_PIXELS, VideoError
from offkeras.video.reading import VideoInfo

# -P: a file of the working directory is no module.
DECODER = ("-P", "-m", "offkeras.video.decoder")
MEMORY = 2**32  # bytes of address space
TIMEOUT = 60  # seconds
# Threads of a library that is not needed take address space, as do heaps a thread.
ENVIRONMENT = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX"), "1"
)
# Kind, seconds of a frame or place in a file, height, width or length of what follows.
RECORD = struct.Struct("<cdII")
FRAME, TEXT, DATA, ERROR, END = b"F", b"T", b"D", b"E", b"."
MAX_TEXT, MAX_DATA = 2**14, 2**16


def iterate_frames(
    path,
    *,
    max_pixels=MAX_PIXELS,
    max_frames=None,
    max_memory=MEMORY,
    timeout=TIMEOUT,
):
    """Yields every frame of a video, as `video.iterate_frames` does.

    Args:
        path: path of a video file.
        max_pixels: largest frame to accept, in pixels.
        max_frames: largest number of frames to accept. Default: any.
        max_memory: bytes of address space that the process may take.
        timeout: seconds to wait for a frame.

    Yields:
        `(seconds, frame)`: time since the first frame, and uint8 RGB `(H, W, 3)`.

    Raises:
        VideoError: see `video.iterate_frames`; also if the process crashes or
            exceeds its bounds.
    """
    limits = dict(max_pixels=max_pixels, max_frames=max_frames)
    bounds = dict(max_memory=max_memory, timeout=timeout)
    with Process(path, _send_frames, limits, **bounds) as process:
        while (frame := process.frame(process.record(), max_pixels)) is not None:
            yield frame


def _send_frames(channel, path, **limits):
    for seconds, frame in video.iterate_frames(path, **limits):
        channel.write_frame(seconds, frame)


def probe(
    path,
    *,
    max_pixels=MAX_PIXELS,
    max_frames=MAX_FRAMES,
    max_memory=MEMORY,
    timeout=TIMEOUT,
):
    """Counts the frames of a video, as `video.probe` does.

    Args:
        path: path of a video file.
        max_pixels: largest frame to accept, in pixels.
        max_frames: largest number of frames to accept.
        max_memory: bytes of address space that the process may take.
        timeout: seconds to wait for the answer.

    Returns:
        A `VideoInfo`.

    Raises:
        VideoError: see `video.probe`; also if the process crashes or exceeds its
            bounds.
    """
    limits = dict(max_pixels=max_pixels, max_frames=max_frames)
    bounds = dict(max_memory=max_memory, timeout=timeout)
    with Process(path, _send_info, limits, **bounds) as process:
        kind, _, _, length = process.record()
        if kind != TEXT:
            raise VideoError(path, "its decoder gave no answer.")
        answer = process.text(length)
    try:
        info = _info(path, *json.loads(answer))
    except (ValueError, TypeError, OverflowError, ZeroDivisionError) as error:
        raise VideoError(path, "its decoder gave no answer.") from error
    pixels = info.height * info.width
    if not (0 < info.num_frames <= max_frames and 0 < pixels <= max_pixels):
        raise VideoError(path, "its decoder gave a wrong answer.")
    if not 0 < info.fps < math.inf or (info.aspect is not None and info.aspect <= 0):
        raise VideoError(path, "its decoder gave a wrong answer.")
    return info


def _info(path, num_frames, height, width, fps, aspect, tags, codec):
    """The `VideoInfo` of an answer."""
    num_frames, height, width = map(int, (num_frames, height, width))
    aspect = None if aspect is None else fractions.Fraction(*map(int, aspect))
    coding = None if tags is None else Coding("yuv420p", *map(int, tags))
    if coding is not None and not coding.is_known():
        raise ValueError("unknown colours")
    if codec is not None and not re.fullmatch(r"\w{1,40}", codec):  # it is printed
        raise ValueError("no name of a codec")
    fps = float(fps)
    return VideoInfo(
        str(path),
        num_frames,
        fps,
        height,
        width,
        duration=num_frames / fps,
        aspect=aspect,
        coding=coding,
        codec=codec,
    )


def _send_info(channel, path, **limits):
    info = video.probe(path, **limits)
    aspect = info.aspect and info.aspect.as_integer_ratio()
    tags = info.coding and info.coding[1:]  # all but the pixel format
    answer = [info.num_frames, info.height, info.width, info.fps, aspect, tags]
    answer.append(info.codec)
    channel.write_text(TEXT, json.dumps(answer))


class Process(contextlib.AbstractContextManager):
    """A process with bounds, and what it writes.

    Args:
        path: the video, for the task and for errors.
        task: function of a module, called in the process with a `Channel`, `path`
            and the options.
        options: keyword arguments, as JSON has them.
        max_memory: bytes of address space that it may take.
        timeout: seconds to wait for anything.
    """

    def __init__(self, path, task, options, *, max_memory=MEMORY, timeout=TIMEOUT):
        self.path, self.timeout = path, timeout
        arguments = {
            "path": os.fspath(path),
            "task": [task.__module__, task.__name__],
            "options": options,
            "max_memory": max_memory,
            "timeout": math.ceil(timeout),
        }
        self.process = subprocess.Popen(
            [sys.executable, *DECODER, json.dumps(arguments)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
        os.set_blocking(self.process.stdin.fileno(), False)

    def __exit__(self, *error):
        self.process.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def send(self, data):
        """Writes bytes to the process, unless that takes too long or it ends."""
        view, pipe = memoryview(data).cast("B"), self.process.stdin.fileno()
        deadline = time.monotonic() + self.timeout
        while view:
            self._wait_for(deadline, [], [pipe])
            try:
                view = view[os.write(pipe, view) :]
            except BrokenPipeError:  # the answer, or its absence, tells
                return

    def record(self):
        """The next record; raises the error that it may hold."""
        data = bytearray(RECORD.size)
        self.read_into(memoryview(data))
        kind, seconds, height, width = RECORD.unpack(data)
        if kind == ERROR:
            raise VideoError(self.path, self.text(width))
        return kind, seconds, height, width

    def frame(self, record, max_pixels=MAX_PIXELS):
        """The frame of a record: `(seconds, frame)`, or None if there is no more."""
        kind, seconds, height, width = record
        if kind == END:
            return None
        if kind != FRAME or not math.isfinite(seconds):
            raise VideoError(self.path, "its decoder gave no frame.")
        if not 0 < height * width <= max_pixels:
            raise VideoError(self.path, "its decoder gave a frame of a wrong size.")
        frame = np.empty((height, width, 3), np.uint8)
        self.read_into(memoryview(frame).cast("B"))
        return seconds, frame

    def text(self, length):
        """A text of some length in bytes."""
        data = bytearray(min(length, MAX_TEXT))
        self.read_into(memoryview(data))
        return data.decode(errors="replace")

    def read_into(self, view):
        """Fills a view, unless that takes too long or the process ends."""
        deadline = time.monotonic() + self.timeout
        pipe = self.process.stdout.fileno()
        while view:
            self._wait_for(deadline, [pipe], [])
            count = os.readv(pipe, [view])
            if count == 0:
                raise self._crash()
            view = view[count:]

    def _wait_for(self, deadline, readers, writers):
        left = max(deadline - time.monotonic(), 0)
        if not any(select.select(readers, writers, [], left)):
            raise VideoError(
                self.path, f"could not be decoded within {self.timeout} seconds."
            )

    def _crash(self):
        try:
            status = self.process.wait(self.timeout)
        except subprocess.TimeoutExpired:  # it has only closed its end
            status = "no answer"
        if isinstance(status, int):
            status = signal.Signals(-status).name if status < 0 else f"status {status}"
        return VideoError(self.path, f"crashed its decoder ({status}).")


def _environment():
    """That of this process, in which the decoder finds this package."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    search = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return os.environ | ENVIRONMENT | search


class Channel:
    """The end of a task: what it reads, and the records that it writes.

    Args:
        reader: binary file.
        writer: binary file.
        extend_time: function called before every record: more time is given then.
    """

    def __init__(self, reader, writer, extend_time):
        self.reader, self.writer, self.extend_time = reader, writer, extend_time

    def read_into(self, view):
        """Fills a view of bytes."""
        while view:
            count = self.reader.readinto(view)
            if not count:
                raise EOFError("the reader has gone.")
            view = view[count:]

    def write(self, kind, place=0.0, height=0, width=0, data=b""):
        """Writes a record and what follows it."""
        self.extend_time()
        self.writer.write(RECORD.pack(kind, place, height, width))
        self.writer.write(data)
        self.writer.flush()

    def write_frame(self, seconds, frame):
        """Writes a frame, uint8 RGB `(H, W, 3)`."""
        self.write(FRAME, seconds, *frame.shape[:2], frame.data)

    def write_text(self, kind, text):
        """Writes a text."""
        data = text.encode()[:MAX_TEXT]
        self.write(kind, width=len(data), data=data)

    def write_data(self, place, data):
        """Writes bytes of a file, from a place in it on."""
        view = memoryview(data).cast("B")
        for start in range(0, len(view), MAX_DATA):
            part = view[start : start + MAX_DATA]
            self.write(DATA, place + start, width=len(part), data=part)
