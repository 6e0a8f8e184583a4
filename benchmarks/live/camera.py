"""A camera in a process of its own, whose pictures tell when they were sent."""

import time

import cv2

from benchmarks.support.mjpeg_server import Server
from offkeras import data

SIZE, FPS = (480, 640), 25
TURN = 2**16  # milliseconds that a picture can tell apart


def milliseconds(number=None):
    """The time, the same in all processes; the number of a picture is not asked."""
    return int(1000 * time.monotonic()) % TURN


def serve(pipe, breaks):
    """Sends its address, and serves until it is told to end.

    Args:
        pipe: connection to whoever began it.
        breaks: event that cuts its connections.
    """
    frames = data.read_frames(data.sample_video("bikes.mp4"), range(200))
    frames = [cv2.resize(frame, SIZE[::-1]) for frame in frames]

    def draw(number):
        return frames[number % len(frames)].copy()

    with Server(FPS, draw, milliseconds, breaks) as server:
        pipe.send(server.address)
        pipe.recv()
