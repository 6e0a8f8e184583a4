"""Detects objects in a video, frame by frame."""

import colorsys
import dataclasses
import functools
import time

import numpy as np
import tensorflow as tf

from offkeras.data.detection_transforms import resize, resized_size
from offkeras.data.video import write_video
from offkeras.inference.classify import draw_caption
from offkeras.inference.sources import iterate_source, measure
from offkeras.models import detection_streaming


@dataclasses.dataclass(frozen=True)
class FrameDetections:
    """The objects in one frame, by falling score.

    Attributes:
        timestamp: seconds since the first frame.
        boxes: float32 `(N, 4)`, x1, y1, x2, y2 in pixels of the video.
        scores: float32 `(N,)`, 0..1.
        classes: int32 `(N,)`.
    """

    timestamp: float
    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


def detect(video, detector, *, short_side=600, long_side=1000, min_score=0.5):
    """Detects objects in every frame of a video.

    A frame passes through the backbone once; its reduced features are kept for the
    next one. Memory does not grow with the length of the video.

    Args:
        video: path of a video file or of a folder of images, a `Camera` or its
            number, see `iterate_source`.
        detector: an `RFCN`, or an `OFFVideoDetector` of two frames.
        short_side: frames are scaled to this shorter side in pixels, as those that
            the detector was trained on,
        long_side: unless their longer side would exceed this.
        min_score: objects below this score are left out.

    Yields:
        A `FrameDetections` a frame.

    Raises:
        VideoError: if the video cannot be read to its end.
        ValueError: if a frame has another size than the first, or `detector` takes
            more than two frames.

    Example:

    ```python
    for frame in detect("street.mp4", detector):
        print(frame.timestamp, [class_names[i] for i in frame.classes])
    ```
    """
    size = dict(short_side=short_side, long_side=long_side)
    for _, found in detect_frames(video, detector, min_score=min_score, **size):
        yield found


def annotate_detections(
    video,
    output,
    detector,
    class_names,
    *,
    short_side=600,
    long_side=1000,
    min_score=0.5,
):
    """Writes the video with boxes, their classes and frames per second on it.

    Args:
        video: see `detect`.
        output: path of the mp4 to write.
        detector: see `detect`.
        class_names: names of its classes, each drawn in a colour of its own.
        short_side: see `detect`.
        long_side: see `detect`.
        min_score: see `detect`.

    Returns:
        The number of frames.
    """
    count = 0

    def counted(stream):
        nonlocal count
        for count, item in enumerate(stream, start=1):  # noqa: B007
            yield item

    size = dict(short_side=short_side, long_side=long_side)
    stream = counted(detect_frames(video, detector, min_score=min_score, **size))
    _, fps = measure(video)
    write_video(output, draw_detections(stream, class_names), fps=fps)
    return count


def draw_detections(stream, class_names):
    """Draws the objects and the frames per second so far on every frame.

    Args:
        stream: what `detect_frames` yields.
        class_names: names of the classes.

    Yields:
        uint8 RGB `(H, W, 3)`.
    """
    start = time.perf_counter()
    for count, (frame, found) in enumerate(stream, start=1):
        rate = count / (time.perf_counter() - start)
        yield draw_caption(draw_boxes(frame, found, class_names), f"{rate:.0f} fps")


def draw_boxes(frame, found, class_names):
    """Draws detections.

    Args:
        frame: uint8 RGB `(H, W, 3)`.
        found: `FrameDetections`.
        class_names: names of the classes.

    Returns:
        A copy of the frame with boxes, names and scores.
    """
    import cv2

    frame = frame.copy()
    scale = max(frame.shape[0] / 720, 0.35)
    for box, score, label in zip(found.boxes, found.scores, found.classes, strict=True):
        hue = label / len(class_names)
        color = [round(255 * c) for c in colorsys.hsv_to_rgb(hue, 0.8, 1.0)]
        left, top, right, bottom = (int(round(float(side))) for side in box)
        width = max(1, round(2 * scale))
        cv2.rectangle(frame, (left, top), (right - 1, bottom - 1), color, width)
        text = f"{class_names[label]} {score:.0%}"
        origin = (left, max(top - width, round(14 * scale)))
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(frame, text, origin, font, scale * 0.6, color, width, cv2.LINE_AA)
    return frame


def detect_frames(video, detector, *, short_side=600, long_side=1000, min_score=0.5):
    """As `detect`, with the frames: to show both.

    Args:
        video: see `detect`.
        detector: see `detect`.
        short_side: see `detect`.
        long_side: see `detect`.
        min_score: see `detect`.

    Yields:
        `(frame, detections)`: every frame, uint8 RGB `(H, W, 3)`, and its
        `FrameDetections`.
    """
    step = _single_frame(detector) if _num_frames(detector) == 1 else _pair(detector)
    shape, size = None, None
    for index, (timestamp, frame) in enumerate(iterate_source(video)):
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
        found = {key: value.numpy()[0] for key, value in step(scaled).items()}
        sure = np.arange(len(found["scores"])) < found["count"]
        sure &= found["scores"] >= min_score
        height, width = np.array(shape[:2]) / size
        yield (
            frame,
            FrameDetections(
                timestamp=timestamp,
                boxes=found["boxes"][sure] * np.float32([width, height] * 2),
                scores=found["scores"][sure],
                classes=found["classes"][sure],
            ),
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
    """A function from uint8 `(1, H, W, 3)` to the detections."""

    @tf.function(autograph=False)
    def step(frame):
        # (1, H, W, 3) -> (1, 1, H, W, 3)
        clip = tf.cast(frame, tf.float32)[:, None]
        return detector({"frames": clip}, training=False)

    return step


def _pair(detector):
    """The same, keeping the reduced features of the frame before."""
    start, step = _graphs(detector)
    state = {}

    def next_detections(frame):
        if not state:
            state.update(start({"frame": frame}))
        outputs = dict(step({"frame": frame, **state}))
        state.update({key: outputs.pop(key) for key in list(state)})
        return outputs

    return next_detections


@functools.lru_cache(maxsize=1)
def _graphs(detector):
    return tuple(map(_as_graph, detection_streaming(detector)))


def _as_graph(model):
    @tf.function(autograph=False)
    def run(inputs):
        frame = tf.cast(inputs["frame"], tf.float32)
        return model({**inputs, "frame": frame}, training=False)

    return run
