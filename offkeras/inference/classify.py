"""Classifies the actions in a video, window by window."""

import collections
import dataclasses
import math
import time

import numpy as np
import tensorflow as tf

from offkeras.data.augment import center_crop
from offkeras.data.video import iterate_frames, probe, write_video
from offkeras.models import fuse_scores

TOTAL_SEGMENTS = 25


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The action in one window of a video.

    Attributes:
        timestamp: seconds of the last frame of the window.
        label: index of the most probable class.
        confidence: its probability, 0..1.
        probabilities: of all classes, float32 `(num_classes,)`.
    """

    timestamp: float
    label: int
    confidence: float
    probabilities: np.ndarray


def classify(video, recognizer, *, num_segments=7, interval=None, hop=None):
    """Classifies a sliding window of frames.

    Memory does not grow with the length of the video.

    Args:
        video: path of a video file.
        recognizer: an `OFFActionRecognizer` for RGB.
        num_segments: frames in a window; 25 are the whole video.
        interval: distance in frames between two of them, the Δt of the OFF.
            Default: that of training on whole videos, a 25th of the video
            (section 4.2.3).
        hop: frames from one window to the next; default: half a window.

    Yields:
        A `Prediction` a window.

    Raises:
        ValueError: if the video is shorter than one window.

    Example:

    ```python
    for prediction in classify("walk.mp4", recognizer):
        print(prediction.timestamp, class_names[prediction.label])
    ```
    """
    for _, prediction in _classify(video, recognizer, num_segments, interval, hop):
        if prediction is not None:
            yield prediction


def annotate(
    video, output, recognizer, class_names, *, num_segments=7, interval=None, hop=None
):
    """Writes the video with label, confidence and frames per second on it.

    Args:
        video: path of a video file.
        output: path of the mp4 to write.
        recognizer: an `OFFActionRecognizer` for RGB.
        class_names: names of its classes.
        num_segments: see `classify`.
        interval: see `classify`.
        hop: see `classify`.

    Returns:
        The list of `Prediction`s.
    """
    predictions = []

    def frames():
        start, caption = time.perf_counter(), ""
        stream = _classify(video, recognizer, num_segments, interval, hop)
        for count, (frame, prediction) in enumerate(stream, start=1):
            if prediction is not None:
                predictions.append(prediction)
                rate = count / (time.perf_counter() - start)
                caption = (
                    f"{class_names[prediction.label]} {prediction.confidence:.0%}"
                    f"  {rate:.0f} fps"
                )
            yield draw_caption(frame, caption)

    write_video(output, frames(), fps=probe(video).fps)
    return predictions


def _classify(video, recognizer, num_segments, interval, hop):
    """Yields every frame with the prediction of the window that ends there."""
    size = recognizer.input["frames"].shape[2]
    if interval is None:
        interval = max(1, probe(video).num_frames // TOTAL_SEGMENTS)
    length = (num_segments - 1) * interval + 1
    hop = hop or max(1, length // 2)
    scores = _scoring_function(recognizer)
    window = collections.deque(maxlen=length)
    count = 0
    for count, (timestamp, frame) in enumerate(iterate_frames(video), start=1):
        used = _is_in_a_clip(count - 1, length, hop, interval)
        window.append(center_crop(frame[None], size)[0] if used else None)
        prediction = None
        if count >= length and (count - length) % hop == 0:
            clip = np.stack(list(window)[::interval])
            prediction = _predict(scores, clip, timestamp)
        yield frame, prediction
    if count < length:
        raise ValueError(
            f"{video} is shorter than one window: expected at least {length} frames "
            f"({num_segments} segments, {interval} apart). Received: {count}."
        )


def _is_in_a_clip(index, length, hop, interval):
    """Whether a frame is a segment of one of the windows that it lies in."""
    first = max(0, math.ceil((index - length + 1) / hop)) * hop
    return any(
        (index - start) % interval == 0 for start in range(first, index + 1, hop)
    )


def _scoring_function(recognizer):
    """The recognizer as one graph: clips to probabilities, traced once."""

    @tf.function(autograph=False)
    def scores(clips):
        outputs = recognizer({"frames": tf.cast(clips, tf.float32)}, training=False)
        return tf.nn.softmax(fuse_scores(outputs))

    return scores


def _predict(scores, clip, timestamp):
    # (T, H, W, 3) -> (1, T, H, W, 3) -> (1, classes) -> (classes,)
    probabilities = scores(clip[None])[0].numpy()
    label = int(probabilities.argmax())
    return Prediction(timestamp, label, float(probabilities[label]), probabilities)


def draw_caption(frame, text):
    """Writes a line of text at the top left of a copy of the frame."""
    import cv2

    frame = frame.copy()
    scale = max(frame.shape[0] / 480, 0.4)
    origin = (round(10 * scale), round(30 * scale))
    for color, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(
            frame,
            text,
            origin,
            cv2.FONT_HERSHEY_SIMPLEX,
            scale,
            color,
            max(1, round(thickness * scale)),
            cv2.LINE_AA,
        )
    return frame
