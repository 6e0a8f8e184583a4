"""Classifies the actions in a video, window by window."""

import collections
import dataclasses
import functools
import math

import keras
import numpy as np
import tensorflow as tf

from offkeras import modalities
from offkeras.data.augment import center_crop
from offkeras.data.sampling import evaluation_indices
from offkeras.inference.segments import SegmentStream, iterate_images
from offkeras.inference.sources import (
    Isolated,
    measure,
    read_source_frames,
    watched,
)
from offkeras.metrics import predicted_classes
from offkeras.models import fuse_scores
from offkeras.models.streaming import streaming
from offkeras.models.task import FUSED, OFF_OUTPUTS

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


def classify(
    video, recognizer, *, num_segments=7, interval=None, hop=None, modality=None
):
    """Classifies a sliding window of frames.

    A frame passes through the backbone once, however many windows it belongs to:
    the scores of a window are the means of those of its segments (equation 8).
    Memory does not grow with the length of the video.

    Args:
        video: path of a video file or of a folder of images, a `Camera` or its
            number, see `iterate_source`.
        recognizer: an `OFFActionRecognizer`. Optical flow is that of DIS; motion
            vectors are had of video files alone.
        num_segments: segments in a window, two or more; each ends `interval` frames
            after the one before.
        interval: distance in frames between two of them, the Δt of the OFF.
            Default: that of training on whole videos, a 25th of the video
            (section 4.2.3).
        hop: frames from one window to the next; default: half a window.
        modality: what a segment shows, see `modalities`. Default: the first with as
            many channels as `recognizer` takes.

    Yields:
        A `Prediction` a window.

    Raises:
        ValueError: if the video is shorter than one window, a camera is given
            without `interval`, `recognizer` has no OFF or takes no modality, or the
            source has no motion vectors.

    Example:

    ```python
    for prediction in classify("walk.mp4", recognizer):
        print(prediction.timestamp, class_names[prediction.label])
    ```
    """
    window = dict(
        num_segments=num_segments, interval=interval, hop=hop, modality=modality
    )
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
    scores = _segment_scores(recognizer)
    if _modality(recognizer, None).name != "rgb":
        raise ValueError(
            "Expected a recognizer for RGB: test others with `ClassFolder`. "
            f"Received: {recognizer.name!r}."
        )
    chain = _Chain(scores, total_segments)
    num_frames, fps = measure(video)
    if num_frames is None:
        raise ValueError(f"Expected a video with an end. Received: {video}.")
    if isinstance(video, Isolated):
        raise ValueError(f"Expected a path: no `Isolated` can seek. Received: {video}.")
    indices = evaluation_indices(num_frames, total_segments=total_segments)
    size = recognizer.input["frames"].shape[2]
    frames = read_source_frames(
        video, indices, transform=lambda f: center_crop(f[None], size)[0].numpy()
    )
    for index, frame in zip(indices, frames, strict=True):
        chain.add((index / fps, index / fps), frame[None])
    return chain.prediction()


def classify_frames(
    video, recognizer, *, num_segments=7, interval=None, hop=None, modality=None
):
    """As `classify`, whose arguments it takes, with the frames: to show both.

    Yields:
        `(frame, prediction)`: every frame, uint8 RGB `(H, W, 3)`, with the
        `Prediction` of the window that ends there, or None.
    """
    scores, kind = _segment_scores(recognizer), _modality(recognizer, modality)
    size = recognizer.input["frames"].shape[2]
    if interval is None:
        interval = _default_interval(video)
    if hop is None:  # windows that begin on segments of each other share them
        hop = num_segments // 2 * interval
    _check_least("num_segments", num_segments, 2)
    _check_least("interval", interval, 1)
    _check_least("hop", hop, 1)
    length = (num_segments - 1) * interval + 1
    chains = {}  # by the phase of their segments within an interval
    segments = SegmentStream(kind, size)
    count = -segments.lead  # of segments that have ended
    frames = watched(video, iterate_images(video, kind, size))
    for number, (seconds, frame, image) in enumerate(frames):
        segments.add(seconds, image)
        index = number - segments.lead  # of the segment that ends here
        count, phase = index + 1, index % interval
        if index < 0:
            yield frame, None
            continue
        if _is_in_a_window(index, length, hop, interval):
            chain = chains.get(phase)
            if chain is None:
                chain = chains[phase] = _Chain(scores, num_segments)
            chain.add(segments.times_of_ends, segments.segment())
        else:
            chains.pop(phase, None)  # the next one there begins anew
        prediction = None
        if count >= length and (count - length) % hop == 0:
            prediction = chains[phase].prediction()
        yield frame, prediction
    if count < length:
        raise ValueError(
            f"{video} is shorter than one window: expected at least "
            f"{length + segments.lead} frames ({num_segments} segments, {interval} "
            f"apart). Received: {count + segments.lead}."
        )


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

    def add(self, ends, segment):
        """Passes a segment `(1, H, W, C)` through the network.

        Args:
            ends: seconds of its first and of its last frame.
            segment: as the network takes it.
        """
        outputs, self.state = self.scores(segment, self.state)
        self.times.append(ends)
        self.appearance.append(outputs["appearance"][0].numpy())
        if OFF_OUTPUTS[-1] in outputs:
            self.motion.append(outputs[OFF_OUTPUTS[-1]][0].numpy())

    def prediction(self):
        """The action in the window of the last segments."""
        # (T, classes) -> (classes,), equation 8
        means = {
            "appearance": np.mean(self.appearance, axis=0),
            OFF_OUTPUTS[-1]: np.mean(self.motion, axis=0),
        }
        probabilities = tf.nn.softmax(fuse_scores(means)).numpy()
        label = int(predicted_classes(probabilities))
        return Prediction(
            timestamp=float(self.times[-1][1]),
            label=label,
            confidence=float(probabilities[label]),
            probabilities=probabilities,
            start=float(self.times[0][0]),
        )


@functools.lru_cache(maxsize=1)  # many videos, one tracing
def _segment_scores(recognizer):
    """A function from a frame and the state before it to logits and a new state."""
    inputs = recognizer.input if isinstance(recognizer.input, dict) else {}
    if "frames" not in inputs or not set(FUSED) <= set(recognizer.output):
        raise ValueError(
            f"Expected an OFFActionRecognizer. Received: {recognizer.name!r}."
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


def _modality(recognizer, name):
    """The modality that a recognizer takes, of this name if one is given."""
    channels = recognizer.input["frames"].shape[-1]
    kind = modalities.of_channels(channels) if name is None else modalities.find(name)
    if kind is None or kind.channels != channels:
        taken = {m.name: m.channels for m in modalities.MODALITIES.values()}
        raise ValueError(
            f"Expected a recognizer for {name or 'a modality'}, by its channels, of "
            f"{taken}. Received: {recognizer.name!r} of {channels} channels."
        )
    return kind


def _without_unused(model):
    """The model without the classifiers whose scores are not fused."""
    outputs = {k: v for k, v in model.output.items() if k not in ("off_1", "off_2")}
    return keras.Model(model.input, outputs, name=model.name)
