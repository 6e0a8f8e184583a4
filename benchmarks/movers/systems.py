"""What finds movers without a network: background subtraction, differences, flow.

A system is made anew for each video and called with its frames in order. It returns
boxes `(N, 4)` and scores `(N,)`, here the areas that moved. All are used as OpenCV's
samples do: shadows dropped, specks removed, what is near joined. Nothing was tuned on
the scenes of the test.
"""

import collections

import cv2
import numpy as np

from offkeras.metrics.detection import Detections
from offkeras.video.optical_flow import estimator

SPECK, JOIN = 3, (7, 13)  # pixels: opened by, closed by
LEAST_AREA = 60  # pixels
LEVELS = 25  # of 255, of frame differences
BACK = 3  # frames from one to the one that it is compared with
MOVED = 1.5  # pixels, against the camera's motion


class Subtraction:
    """MOG2 or KNN of OpenCV with their defaults."""

    def __init__(self, make):
        self.subtractor = make()

    def __call__(self, frame):
        """What moved in the next frame."""
        foreground = self.subtractor.apply(frame)
        return boxes_of(foreground == 255)  # shadows are 127


class Difference:
    """The frame minus the one before the last two."""

    def __init__(self):
        self.kept = collections.deque(maxlen=BACK + 1)

    def __call__(self, frame):
        """What moved in the next frame."""
        self.kept.append(cv2.GaussianBlur(frame, (5, 5), 0))
        changed = cv2.absdiff(self.kept[0], self.kept[-1]).max(axis=-1)
        return boxes_of(changed > LEVELS)


class FlowClusters:
    """DIS flow against the similarity that most of it agrees with (RANSAC)."""

    def __init__(self):
        self.kept = collections.deque(maxlen=BACK + 1)
        self.between = estimator("dis")

    def __call__(self, frame):
        """What moved in the next frame."""
        height, width = frame.shape[:2]
        self.kept.append(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
        flow = self.between(self.kept[-1], self.kept[0])  # at places of this frame
        y, x = np.mgrid[8:height:16, 8:width:16]
        start = np.stack([x, y], -1).reshape(-1, 2).astype(np.float32)
        end = start + flow[y, x].reshape(-1, 2)
        cv2.setRNGSeed(0)
        matrix, _ = cv2.estimateAffinePartial2D(start, end, ransacReprojThreshold=1.0)
        if matrix is None:
            return boxes_of(np.zeros((height, width), bool))
        columns, rows = np.meshgrid(np.arange(width), np.arange(height))
        expected = [
            row[0] * columns + row[1] * rows + row[2] - place
            for row, place in zip(matrix, (columns, rows), strict=True)
        ]
        against = np.hypot(flow[..., 0] - expected[0], flow[..., 1] - expected[1])
        return boxes_of(against > MOVED)


SYSTEMS = {
    "MOG2": lambda: Subtraction(cv2.createBackgroundSubtractorMOG2),
    "KNN": lambda: Subtraction(cv2.createBackgroundSubtractorKNN),
    "frame difference": Difference,
    "DIS flow clusters": FlowClusters,
}


def boxes_of(mask):
    """The `Detections` of the connected parts of a mask, `(H, W)`."""
    mask = mask.astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((SPECK, SPECK), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones(JOIN[::-1], np.uint8))
    _, _, parts, _ = cv2.connectedComponentsWithStats(mask)
    parts = parts[1:]  # the first is what is left
    parts = parts[parts[:, 4] >= LEAST_AREA]
    x, y, width, height, area = parts.T
    return Detections(
        boxes=np.stack([x, y, x + width, y + height], axis=1).astype(np.float32),
        scores=area.astype(np.float32),
        classes=np.zeros(len(parts), np.int32),
    )
