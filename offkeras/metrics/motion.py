"""How fast objects move, and mean average precision of slow and fast ones.

Frames have `video`, `position` (their number in it), `boxes` and `tracks`: boxes of
one track are one object, see `offkeras.data.DetectionVideos`.
"""

import collections

import numpy as np

from offkeras.metrics.detection import box_iou, evaluate_ranges

# FGFA: motion IoU, both ends inside. An object on an end is in two ranges.
MOTION_RANGES = {"slow": (0.9, 1.0), "medium": (0.7, 0.9), "fast": (0.0, 0.7)}
WINDOW = 10  # frames either way


def motion_iou(frames):
    """How much each object overlaps with itself in the frames around.

    The mean IoU of its box with the boxes of its track in the `WINDOW` frames before
    and after; of those the list has. An object without any does not move: 1.

    Args:
        frames: frames in any order; objects whose track is -1 have none.

    Returns:
        For each frame, float64 `(objects,)`.
    """
    return _along_tracks(frames, WINDOW, _mean_iou, alone=1.0)


def track_speed(frames):
    """Speed of each object's centre, in pixels per frame.

    The mean distance to the centre in the frame before and the one after, of those
    the list has. An object without either does not move: 0.

    Args:
        frames: see `motion_iou`.

    Returns:
        For each frame, float64 `(objects,)`.
    """
    return _along_tracks(frames, 1, _mean_distance, alone=0.0)


def motion_map(frames, detections, *, num_classes, pixel_tolerance=10):
    """Average precision of each class on slow, medium and fast objects.

    Args:
        frames: see `motion_iou`; all frames of the videos.
        detections: see `evaluate_ranges`.
        num_classes: number of classes.
        pixel_tolerance: see `evaluate_detections`.

    Returns:
        Dict of `"slow"`, `"medium"`, `"fast"` and a list of `ClassPrecision`s each.
    """
    return evaluate_ranges(
        frames,
        detections,
        motion_iou(frames),
        MOTION_RANGES,
        num_classes=num_classes,
        pixel_tolerance=pixel_tolerance,
    )


def _along_tracks(frames, window, measure, *, alone):
    """`measure(box, others)` of each box and those of its track within `window`."""
    tracks = collections.defaultdict(dict)  # video, track -> position -> box
    for frame in frames:
        for box, track in zip(frame.boxes, frame.tracks, strict=True):
            if track >= 0:
                tracks[frame.video.name, track][frame.position] = box

    def measured(frame, box, track):
        boxes = tracks.get((frame.video.name, track), {})
        around = range(frame.position - window, frame.position + window + 1)
        others = [boxes[p] for p in around if p in boxes and p != frame.position]
        return measure(box, np.stack(others)) if others else alone

    return [
        np.array(
            [
                measured(frame, box, track)
                for box, track in zip(frame.boxes, frame.tracks, strict=True)
            ],
            np.float64,
        )
        for frame in frames
    ]


def _mean_iou(box, others):
    return box_iou(box[None], others).mean()


def _mean_distance(box, others):
    centres = (others[:, :2] + others[:, 2:]) / 2
    return np.linalg.norm(centres - (box[:2] + box[2:]) / 2, axis=1).mean()
