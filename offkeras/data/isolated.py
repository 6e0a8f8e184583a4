"""Reading a video in a process of its own, for files that nobody vouches for.

FFmpeg is large and written in C: a hostile file may crash it, keep it busy for ever
or make it take memory. Here it runs in a process with bounds on memory and time that
may write no file; whatever happens to it becomes a `VideoError`. What it answers is
taken as data of known size, never as objects. The functions are those of `video`.

This is no sandbox: the process may read what its user may read.
"""

import contextlib
import json
import math
import os
import select
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from offkeras.data._container import MAX_FRAMES, MAX_PIXELS, VideoError
from offkeras.data.video import VideoInfo

MEMORY = 2**32  # bytes of address space
TIMEOUT = 60  # seconds
RECORD = struct.Struct("<cdII")  # kind, seconds, height, width or length of a text
FRAME, TEXT, ERROR, END = b"F", b"T", b"E", b"."
MAX_TEXT = 2**14


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
    with _Process(path, "frames", limits, max_memory, timeout) as process:
        while True:
            kind, seconds, height, width = process.record()
            if kind == END:
                return
            if kind != FRAME or not math.isfinite(seconds):
                raise VideoError(path, "its decoder gave no frame.")
            if not 0 < height * width <= max_pixels:
                raise VideoError(path, "its decoder gave a frame of a wrong size.")
            frame = np.empty((height, width, 3), np.uint8)
            process.read_into(memoryview(frame).cast("B"))
            yield seconds, frame


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
    with _Process(path, "probe", limits, max_memory, timeout) as process:
        kind, _, _, length = process.record()
        if kind != TEXT:
            raise VideoError(path, "its decoder gave no answer.")
        answer = process.text(length)
    try:
        num_frames, height, width = map(int, json.loads(answer)[:3])
        fps = float(json.loads(answer)[3])
    except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
        raise VideoError(path, "its decoder gave no answer.") from error
    if not (0 < num_frames <= max_frames and 0 < height * width <= max_pixels):
        raise VideoError(path, "its decoder gave a wrong answer.")
    if not 0 < fps < math.inf:
        raise VideoError(path, "its decoder gave a wrong answer.")
    return VideoInfo(str(path), num_frames, fps, height, width, num_frames / fps)


class _Process(contextlib.AbstractContextManager):
    """A process of `_decoder`, and what it writes."""

    def __init__(self, path, task, limits, max_memory, timeout):
        self.path, self.timeout = path, timeout
        arguments = {
            "path": os.fspath(path),
            "task": task,
            "limits": limits,
            "max_memory": max_memory,
            "timeout": math.ceil(timeout),
        }
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name("_decoder.py")),
                json.dumps(arguments),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Threads of a library that is not needed take address space.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )

    def __exit__(self, *error):
        self.process.kill()
        self.process.stdout.close()
        self.process.wait()

    def record(self):
        """The next record; raises the error that it may hold."""
        data = bytearray(RECORD.size)
        self.read_into(memoryview(data))
        kind, seconds, height, width = RECORD.unpack(data)
        if kind == ERROR:
            raise VideoError(self.path, self.text(width))
        return kind, seconds, height, width

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
            left = max(deadline - time.monotonic(), 0)
            if not select.select([pipe], [], [], left)[0]:
                raise VideoError(
                    self.path, f"could not be decoded within {self.timeout} seconds."
                )
            count = os.readv(pipe, [view])
            if count == 0:
                raise VideoError(self.path, f"crashed its decoder ({self._status()}).")
            view = view[count:]

    def _status(self):
        status = self.process.wait()
        return signal.Signals(-status).name if status < 0 else f"status {status}"
