"""Detects objects in a video, frame by frame."""

import collections
import dataclasses
import functools

import numpy as np
import tensorflow as tf

from offkeras.data.detection.transforms import resize, resized_size
from offkeras.inference.sources import iterate_source, watched
from offkeras.inference.stillness import Stillness
from offkeras.inference.tracks import MAX_MISSED, MIN_IOU, Tracker
from offkeras.inference.trained import MIN_SCORE, SIZE
from offkeras.models import streaming

MOST_KEPT = 64  # frames whose features are kept for later ones


@dataclasses.dataclass(frozen=True)
class FrameDetections:
    """The objects in one frame, by falling score.

    Attributes:
        timestamp: seconds since the first frame.
        boxes: float32 `(N, 4)`, x1, y1, x2, y2 in pixels of the video.
        scores: float32 `(N,)`, 0..1.
        classes: int32 `(N,)`.
        tracks: int32 `(N,)`, from 1: boxes of one number are one object, as far as
            a `Tracker` can tell.
        repeated: whether these are the boxes of the frame before, since nothing had
            moved, see `Stillness`.
    """

    timestamp: float
    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    tracks: np.ndarray
    repeated: bool = False


def detect(
    video,
    detector,
    *,
    short_side=SIZE[0],
    long_side=SIZE[1],
    min_score=MIN_SCORE,
    gap=0.0,
    min_iou=MIN_IOU,
    max_missed=MAX_MISSED,
    skip_still=None,
):
    """Detects objects in every frame of a video, and follows them.

    A frame passes through the backbone once; its reduced features are kept for those
    that they are the reference of. Memory does not grow with the length of the video.

    Args:
        video: path of a video file or of a folder of images, a `Camera` or its
            number, see `iterate_source`.
        detector: an `RFCN`, or an `OFFVideoDetector` of two frames.
        short_side: shorter side that frames are scaled to, in pixels, as in training.
        long_side: largest longer side; what would exceed it is scaled to it instead.
        min_score: objects below this score are left out.
        gap: seconds from the reference to the frame, as in training: the reference is
            the frame that is nearest to this. Default: the frame before.
        min_iou: least overlap of the boxes of a track, see `Tracker`.
        max_missed: frames that an object of a track may be missing, see `Tracker`.
        skip_still: where nothing has moved by this many levels of 255, the network is
            not asked and its last boxes are repeated, see `Stillness`. Default: it
            sees every frame.

    Yields:
        A `FrameDetections` per frame.

    Raises:
        VideoError: if the video cannot be read to its end.
        ValueError: if a frame has another size than the first, `detector` takes
            more than two frames, or an option is out of its range.

    Example:

    ```python
    for frame in detect("street.mp4", detector):
        print(frame.timestamp, [class_names[i] for i in frame.classes], frame.tracks)
    ```
    """
    stream = detect_frames(
        video,
        detector,
        short_side=short_side,
        long_side=long_side,
        min_score=min_score,
        gap=gap,
        min_iou=min_iou,
        max_missed=max_missed,
        skip_still=skip_still,
    )
    for _, found in stream:
        yield found


def detect_frames(
    video,
    detector,
    *,
    short_side=SIZE[0],
    long_side=SIZE[1],
    min_score=MIN_SCORE,
    gap=0.0,
    min_iou=MIN_IOU,
    max_missed=MAX_MISSED,
    skip_still=None,
):
    """As `detect`, whose arguments it takes, with the frames: to show both.

    Yields:
        `(frame, detections)`: every frame, uint8 RGB `(H, W, 3)`, and its
        `FrameDetections`.
    """
    if not 1 <= short_side <= long_side:
        raise ValueError(
            "Expected `short_side` to be 1 pixel or more, and `long_side` not less. "
            f"Received: {short_side}, {long_side}."
        )
    if not 0 <= min_score <= 1:
        raise ValueError(f"Expected `min_score` to be 0 to 1. Received: {min_score}.")
    if not 0 <= gap < np.inf:
        raise ValueError(f"Expected `gap` to be 0 seconds or more. Received: {gap}.")
    single = _num_frames(detector) == 1
    step = _single_frame(detector) if single else _pair(detector, gap)
    tracker = Tracker(min_iou=min_iou, max_missed=max_missed)
    stillness = None if skip_still is None else Stillness(skip_still, settle=gap)
    shape, size = None, None
    frames = watched(video, iterate_source(video))
    for index, (timestamp, frame) in enumerate(frames):
        if shape is None:
            shape = frame.shape
            size = resized_size(shape[:2], short_side=short_side, long_side=long_side)
        if frame.shape != shape:
            raise ValueError(
                f"Expected all frames of {video} to be {shape[1]}x{shape[0]} pixels, "
                f"as the first. Received: frame {index} of "
                f"{frame.shape[1]}x{frame.shape[0]}."
            )
        scaled, _ = resize(frame[None], tf.zeros((0, 4)), size)
        repeated = stillness is not None and stillness.can_skip(scaled, timestamp)
        if not repeated:
            found = {
                key: value.numpy()[0] for key, value in step(scaled, timestamp).items()
            }
        sure = np.arange(len(found["scores"])) < found["count"]
        sure &= found["scores"] >= min_score
        height, width = np.array(shape[:2]) / size
        boxes = found["boxes"][sure] * np.float32([width, height] * 2)
        classes = found["classes"][sure]
        tracks = tracker.update(boxes, classes)
        scores = found["scores"][sure]
        yield (
            frame,
            FrameDetections(timestamp, boxes, scores, classes, tracks, repeated),
        )


def _num_frames(detector):
    outputs = detector.output if isinstance(detector.output, dict) else {}
    if not {"boxes", "scores", "classes", "count"} <= set(outputs):
        raise ValueError(
            "Expected `detector` to be an RFCN or an OFFVideoDetector. "
            f"Received: {detector.name!r}."
        )
    return detector.input["frames"].shape[1]


@functools.lru_cache(maxsize=1)  # many videos, one tracing
def _single_frame(detector):
    """A function from uint8 `(1, H, W, 3)` and its time to the detections."""

    @tf.function(autograph=False)
    def run(frame):
        # (1, H, W, 3) -> (1, 1, H, W, 3)
        clip = tf.cast(frame, tf.float32)[:, None]
        return detector({"frames": clip}, training=False)

    return lambda frame, timestamp: run(frame)


def _pair(detector, gap):
    """The same, keeping the reduced features of frames of the last `gap` seconds."""
    start, step = _graphs(detector)
    kept = collections.deque(maxlen=MOST_KEPT)  # (timestamp, state)

    def next_detections(frame, timestamp):
        def miss(item):
            return abs(timestamp - item[0] - gap)

        while len(kept) > 1 and miss(kept[1]) <= miss(kept[0]):
            kept.popleft()
        state = kept[0][1] if kept else start({"frame": frame})
        outputs = dict(step({"frame": frame, **state}))
        kept.append((timestamp, {key: outputs.pop(key) for key in state}))
        return outputs

    return next_detections


@functools.lru_cache(maxsize=1)
def _graphs(detector):
    return tuple(map(_as_graph, streaming(detector)))


def _as_graph(model):
    @tf.function(autograph=False)
    def run(inputs):
        frame = tf.cast(inputs["frame"], tf.float32)
        return model({**inputs, "frame": frame}, training=False)

    return run
