"""Optical flow of a real video, at the size of prepared videos."""

import time

import cv2

from offkeras import data
from offkeras.data.actions.video_examples import ExampleOptions
from offkeras.video import optical_flow


class FlowCase:
    """Flow between a number of frames and the next ones of each.

    Args:
        method: see `optical_flow.estimator`.
        count: pairs of frames.
    """

    def __init__(self, method, count):
        self.between = optical_flow.estimator(method)
        size = ExampleOptions().width, ExampleOptions().height
        grey = [
            cv2.cvtColor(cv2.resize(frame, size), cv2.COLOR_RGB2GRAY)
            for frame in data.read_frames(
                data.sample_video("bikes.mp4"), range(count + 1)
            )
        ]
        self.pairs = list(zip(grey, grey[1:], strict=False))

    def seconds(self):
        """Time of the flow of all pairs."""
        start = time.perf_counter()
        for first, second in self.pairs:
            optical_flow.quantize(self.between(first, second))
        return time.perf_counter() - start
