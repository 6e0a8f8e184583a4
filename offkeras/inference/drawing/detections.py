"""Draws objects and the paths that they took."""

import collections
import colorsys
import time

import numpy as np

from offkeras.inference.drawing.predictions import draw_caption

TRAIL = 25  # frames that the path of an object is drawn for


def draw_detections(stream, class_names):
    """Draws objects, their paths and the frames per second so far on every frame.

    Args:
        stream: what `detect_frames` yields.
        class_names: names of the classes, each drawn in a colour of its own.

    Yields:
        uint8 RGB `(H, W, 3)`.
    """
    start = time.perf_counter()
    past = collections.deque(maxlen=TRAIL)
    for count, (frame, found) in enumerate(stream, start=1):
        past.append(_centres(found))
        frame = draw_trails(frame, past, found, class_names)
        frame = draw_boxes(frame, found, class_names)
        rate = count / (time.perf_counter() - start)
        yield draw_caption(frame, f"{rate:.0f} fps")


def draw_boxes(frame, found, class_names):
    """Draws detections.

    Args:
        frame: uint8 RGB `(H, W, 3)`.
        found: `FrameDetections`.
        class_names: names of the classes.

    Returns:
        A copy of the frame with boxes, names, numbers of the tracks and scores.
    """
    import cv2

    frame = frame.copy()
    scale, width = _scale(frame)
    objects = zip(found.boxes, found.scores, found.classes, found.tracks, strict=True)
    for box, score, label, track in objects:
        color = _color(label, class_names)
        left, top, right, bottom = (int(round(float(side))) for side in box)
        cv2.rectangle(frame, (left, top), (right - 1, bottom - 1), color, width)
        text = f"{class_names[label]} {track} {score:.0%}"
        origin = (left, max(top - width, round(14 * scale)))
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(frame, text, origin, font, scale * 0.6, color, width, cv2.LINE_AA)
    return frame


def draw_trails(frame, past, found, class_names):
    """Draws where the centres of the objects were.

    Args:
        frame: uint8 RGB `(H, W, 3)`.
        past: a dict per frame, oldest first, from tracks to their centres `(x, y)`.
        found: `FrameDetections` of the frame: other tracks are left out.
        class_names: names of the classes.

    Returns:
        A copy of the frame with a line an object.
    """
    import cv2

    frame = frame.copy()
    _, width = _scale(frame)
    for label, track in zip(found.classes, found.tracks, strict=True):
        path = np.array([centres[track] for centres in past if track in centres])
        path = np.round(path).astype(np.int32).reshape(1, -1, 2)
        color = _color(label, class_names)
        cv2.polylines(frame, path, False, color, width, cv2.LINE_AA)
    return frame


def _centres(found):
    middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    return dict(zip(found.tracks.tolist(), middles, strict=True))


def _scale(frame):
    """Of text, and the width of lines."""
    scale = max(frame.shape[0] / 720, 0.35)
    return scale, max(1, round(2 * scale))


def _color(label, class_names):
    hue = label / len(class_names)
    return [round(255 * c) for c in colorsys.hsv_to_rgb(hue, 0.8, 1.0)]
