"""Detections of one object, linked from frame to frame."""

import numpy as np

from offkeras.metrics.detection import box_iou

MIN_IOU, MAX_MISSED = 0.3, 5


class Tracker:
    """Links detections by the overlap of their boxes, frame by frame.

    The rule of the IOU tracker (Bochinski et al., 2017): a detection continues the
    track of its class whose last box it overlaps most, the largest overlap of a
    frame first; a detection that none is left for begins a track. A track without a
    detection waits some frames before it ends.

    It sees neither pixels nor motion: by default an object that moves by more than
    half its size between two frames becomes another one. Memory is that of the
    tracks that have not ended, at most `max_missed + 1` times the detections of a
    frame.

    Args:
        min_iou: least intersection over union of two boxes of a track, above 0.
        max_missed: frames that an object may be missing.

    Raises:
        ValueError: if an argument is out of its range.

    Example:

    ```python
    tracker = Tracker()
    for boxes, classes in detections:
        tracks = tracker.update(boxes, classes)
    ```
    """

    def __init__(self, *, min_iou=MIN_IOU, max_missed=MAX_MISSED):
        if not 0 < min_iou <= 1:
            raise ValueError(
                f"Expected `min_iou` to be above 0, at most 1. Received: {min_iou}."
            )
        if max_missed < 0:
            raise ValueError(
                f"Expected `max_missed` to be 0 or more. Received: {max_missed}."
            )
        self.min_iou, self.max_missed = min_iou, max_missed
        self._count = 0  # of tracks so far
        # Of the tracks that have not ended, by falling time of their last box.
        self._boxes = np.zeros((0, 4), np.float32)
        self._classes = np.zeros(0, np.int32)
        self._tracks = np.zeros(0, np.int32)
        self._missed = np.zeros(0, np.int32)

    def update(self, boxes, classes):
        """Takes the detections of the next frame.

        Args:
            boxes: `(N, 4)`, x1, y1, x2, y2.
            classes: integers `(N,)`.

        Returns:
            int32 `(N,)`: the numbers of their tracks, from 1 in the order in which
            these begin.
        """
        boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
        classes = np.asarray(classes, np.int32)
        tracks = self._continued(boxes, classes)
        new = np.flatnonzero(tracks == 0)
        tracks[new] = self._count + 1 + np.arange(len(new))
        self._count += len(new)

        waits = ~np.isin(self._tracks, tracks) & (self._missed < self.max_missed)
        self._boxes = np.concatenate([boxes, self._boxes[waits]])
        self._classes = np.concatenate([classes, self._classes[waits]])
        self._tracks = np.concatenate([tracks, self._tracks[waits]])
        self._missed = np.concatenate(
            [np.zeros(len(tracks), np.int32), self._missed[waits] + 1]
        )
        return tracks

    def _continued(self, boxes, classes):
        """Track of each detection, 0 where it continues none."""
        overlaps = box_iou(boxes, self._boxes)
        overlaps[classes[:, None] != self._classes] = 0
        firsts, lasts = np.nonzero(overlaps >= self.min_iou)
        order = np.argsort(-overlaps[firsts, lasts], kind="stable")
        tracks, free = np.zeros(len(boxes), np.int32), np.ones(len(self._boxes), bool)
        for box, last in zip(firsts[order], lasts[order], strict=True):
            if tracks[box] == 0 and free[last]:
                tracks[box], free[last] = self._tracks[last], False
        return tracks
