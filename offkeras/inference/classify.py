"""Classifies the actions in a video, window by window."""

import collections
import dataclasses
import functools
import math
import time

import keras
import numpy as np
import tensorflow as tf

from offkeras.data.augment import EVALUATION_SCALE, center_crop
from offkeras.data.sampling import test_indices
from offkeras.data.video import write_video
from offkeras.inference.sources import (
    Isolated,
    iterate_source,
    measure,
    read_source_frames,
)
from offkeras.models import fuse_scores
from offkeras.models.action_streaming import streaming

TOTAL_SEGMENTS = 25


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The action in one window of a video.

    Attributes:
        timestamp: seconds of the last frame of the window.
        label: index of the most probable class.
        confidence: its probability, 0..1.
        probabilities: of all classes, float32 `(num_classes,)`.
        start: seconds of the first frame of the window.
    """

    timestamp: float
    label: int
    confidence: float
    probabilities: np.ndarray
    start: float


def classify(video, recognizer, *, num_segments=7, interval=None, hop=None):
    """Classifies a sliding window of frames.

    A frame passes through the backbone once, however many windows it belongs to:
    the scores of a window are the means of those of its segments (equation 8).
    Memory does not grow with the length of the video.

    Args:
        video: path of a video file or of a folder of images, a `Camera` or its
            number, see `iterate_source`.
        recognizer: an `OFFActionRecognizer` for RGB.
        num_segments: frames in a window, two or more.
        interval: distance in frames between two of them, the Δt of the OFF.
            Default: that of training on whole videos, a 25th of the video
            (section 4.2.3).
        hop: frames from one window to the next; default: half a window.

    Yields:
        A `Prediction` a window.

    Raises:
        ValueError: if the video is shorter than one window, a camera is given
            without `interval`, or `recognizer` has no OFF or is not for RGB.

    Example:

    ```python
    for prediction in classify("walk.mp4", recognizer):
        print(prediction.timestamp, class_names[prediction.label])
    ```
    """
    window = dict(num_segments=num_segments, interval=interval, hop=hop)
    for _, prediction in classify_frames(video, recognizer, **window):
        if prediction is not None:
            yield prediction


def classify_video(video, recognizer, *, total_segments=TOTAL_SEGMENTS):
    """Classifies a video as a whole, by segments spread over it (section 4.3.1).

    Only these frames are decoded. They are scaled and cropped as in the test of
    `ClassFolder`.

    Args:
        video: path of a video file or of a folder of images.
        recognizer: an `OFFActionRecognizer` for RGB.
        total_segments: frames to look at, two or more.

    Returns:
        A `Prediction`. Its times are frame numbers by the mean frame rate.
    """
    _check_least("total_segments", total_segments, 2)
    chain = _Chain(_segment_scores(recognizer), total_segments)
    num_frames, fps = measure(video)
    if num_frames is None:
        raise ValueError(f"Expected a video with an end. Received: {video}.")
    if isinstance(video, Isolated):
        raise ValueError(f"Expected a path: no `Isolated` can seek. Received: {video}.")
    indices = test_indices(num_frames, total_segments=total_segments)
    size = recognizer.input["frames"].shape[2]
    shorter = round(size * EVALUATION_SCALE)
    frames = read_source_frames(video, indices, size=shorter)
    for index, frame in zip(indices, frames, strict=True):
        chain.add(index / fps, center_crop(frame[None], size))
    return chain.prediction()


def classify_frames(video, recognizer, *, num_segments=7, interval=None, hop=None):
    """As `classify`, with the frames: to show both.

    Args:
        video: see `classify`.
        recognizer: see `classify`.
        num_segments: see `classify`.
        interval: see `classify`.
        hop: see `classify`.

    Yields:
        `(frame, prediction)`: every frame, uint8 RGB `(H, W, 3)`, with the
        `Prediction` of the window that ends there, or None.
    """
    scores = _segment_scores(recognizer)
    size = recognizer.input["frames"].shape[2]
    if interval is None:
        interval = _default_interval(video)
    if hop is None:  # windows that begin on segments of each other share them
        hop = num_segments // 2 * interval
    _check_least("num_segments", num_segments, 2)
    _check_least("interval", interval, 1)
    _check_least("hop", hop, 1)
    length = (num_segments - 1) * interval + 1
    chains = {}  # by the place of their segments within an interval
    count = 0
    for index, (seconds, frame) in enumerate(iterate_source(video)):
        count, phase = index + 1, index % interval
        if _is_in_a_window(index, length, hop, interval):
            chain = chains.get(phase)
            if chain is None:
                chain = chains[phase] = _Chain(scores, num_segments)
            chain.add(seconds, center_crop(frame[None], size))
        else:
            chains.pop(phase, None)  # the next one there begins anew
        prediction = None
        if count >= length and (count - length) % hop == 0:
            prediction = chains[phase].prediction()
        yield frame, prediction
    if count < length:
        raise ValueError(
            f"{video} is shorter than one window: expected at least {length} frames "
            f"({num_segments} segments, {interval} apart). Received: {count}."
        )


def annotate(
    video, output, recognizer, class_names, *, num_segments=7, interval=None, hop=None
):
    """Writes the video with label, confidence and frames per second on it.

    Args:
        video: see `classify`.
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

    def kept(stream):
        for item in stream:
            if item[1] is not None:
                predictions.append(item[1])
            yield item

    window = dict(num_segments=num_segments, interval=interval, hop=hop)
    stream = kept(classify_frames(video, recognizer, **window))
    _, fps = measure(video)
    write_video(output, draw_predictions(stream, class_names), fps=fps)
    return predictions


def draw_predictions(stream, class_names):
    """Draws the last prediction and the frames per second so far on every frame.

    Args:
        stream: what `classify_frames` yields.
        class_names: names of the classes.

    Yields:
        uint8 RGB `(H, W, 3)`.
    """
    start, caption = time.perf_counter(), ""
    for count, (frame, prediction) in enumerate(stream, start=1):
        if prediction is not None:
            rate = count / (time.perf_counter() - start)
            caption = (
                f"{class_names[prediction.label]} {prediction.confidence:.0%}"
                f"  {rate:.0f} fps"
            )
        yield draw_caption(frame, caption)


def _default_interval(video):
    num_frames, _ = measure(video)
    if num_frames is None:
        raise ValueError(
            f"Expected `interval` to be given for {video}, which has no length."
        )
    return max(1, num_frames // TOTAL_SEGMENTS)


def _check_least(name, value, least):
    if value < least:
        raise ValueError(f"Expected `{name}` to be {least} or more. Received: {value}.")


def _is_in_a_window(index, length, hop, interval):
    """Whether a frame is a segment of one of the windows that it lies in."""
    first = max(0, math.ceil((index - length + 1) / hop)) * hop
    return any(
        (index - start) % interval == 0 for start in range(first, index + 1, hop)
    )


class _Chain:
    """Segments at one distance: the scores of the last ones, enough for a window."""

    def __init__(self, scores, num_segments):
        self.scores, self.state = scores, None
        self.times = collections.deque(maxlen=num_segments)
        self.appearance = collections.deque(maxlen=num_segments)
        self.motion = collections.deque(maxlen=num_segments - 1)  # of pairs

    def add(self, seconds, frame):
        """Passes a segment, uint8 `(1, H, W, 3)`, through the network."""
        outputs, self.state = self.scores(frame, self.state)
        self.times.append(seconds)
        self.appearance.append(outputs["appearance"][0].numpy())
        if "off_3" in outputs:
            self.motion.append(outputs["off_3"][0].numpy())

    def prediction(self):
        """The action in the window of the last segments."""
        # (T, classes) -> (classes,), equation 8
        means = {
            "appearance": np.mean(self.appearance, axis=0),
            "off_3": np.mean(self.motion, axis=0),
        }
        probabilities = tf.nn.softmax(fuse_scores(means)).numpy()
        label = int(probabilities.argmax())
        return Prediction(
            timestamp=float(self.times[-1]),
            label=label,
            confidence=float(probabilities[label]),
            probabilities=probabilities,
            start=float(self.times[0]),
        )


@functools.lru_cache(maxsize=1)  # many videos, one tracing
def _segment_scores(recognizer):
    """A function from a frame and the state before it to logits and a new state."""
    inputs = recognizer.input if isinstance(recognizer.input, dict) else {}
    if "frames" not in inputs or not {"appearance", "off_3"} <= set(recognizer.output):
        raise ValueError(
            f"Expected an OFFActionRecognizer. Received: {recognizer.name!r}."
        )
    channels = inputs["frames"].shape[-1]
    if channels != 3:
        raise ValueError(
            "Expected a recognizer for RGB: other modalities are not made from video "
            f"here. Received: {recognizer.name!r} of {channels} channels."
        )
    start, step = map(_without_unused, streaming(recognizer))

    @tf.function(autograph=False)
    def first(frame):
        return start({"frame": tf.cast(frame, tf.float32)}, training=False)

    @tf.function(autograph=False)
    def following(frame, state):
        return step({"frame": tf.cast(frame, tf.float32), **state}, training=False)

    def scores(frame, state):
        outputs = dict(first(frame) if state is None else following(frame, state))
        keys = [key for key in outputs if key.startswith("state_")]
        return outputs, {key: outputs.pop(key) for key in keys}

    return scores


def _without_unused(model):
    """The model without the classifiers whose scores are not fused."""
    outputs = {k: v for k, v in model.output.items() if k not in ("off_1", "off_2")}
    return keras.Model(model.input, outputs, name=model.name)


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
