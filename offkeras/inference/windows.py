"""Windows of segments that slide over frames, and what a recognizer says of each."""

import collections
import dataclasses
import functools
import math

import keras
import numpy as np
import tensorflow as tf

from offkeras import modalities
from offkeras.inference.segments import SegmentStream
from offkeras.inference.stillness import Stillness
from offkeras.metrics import predicted_classes
from offkeras.models import fuse_scores
from offkeras.models.streaming import streaming
from offkeras.models.task import FUSED, OFF_OUTPUTS


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The action in one window of a video.

    Attributes:
        timestamp: seconds of the last frame of the window.
        label: index of the most probable class.
        confidence: its probability, 0..1.
        probabilities: of all classes, float32 `(num_classes,)`.
        start: seconds of the first frame of the window.
        repeated: share of the window's segments that did not pass through the network,
            since nothing had moved, 0..1, see `Stillness`.
    """

    timestamp: float
    label: int
    confidence: float
    probabilities: np.ndarray
    start: float
    repeated: float = 0.0


class Windows:
    """Windows over frames that come one by one.

    Args:
        recognizer: an `OFFActionRecognizer`.
        num_segments: segments in a window, two or more.
        interval: distance in frames between two of them.
        hop: frames from one window to the next.
        modality: what a segment shows. Default: by the channels of `recognizer`.
        skip_still: repeats what the network said of a segment where nothing has moved:
            levels of 255, see `Stillness`. Default: every segment passes through it.

    Attributes:
        kind: the `Modality`.
        size: height and width of a segment.
        count: frames since the start.
        least: frames that a window needs.
    """

    def __init__(
        self,
        recognizer,
        *,
        num_segments,
        interval,
        hop,
        modality=None,
        skip_still=None,
    ):
        check_least("num_segments", num_segments, 2)
        check_least("interval", interval, 1)
        check_least("hop", hop, 1)
        self.scores = segment_scores(recognizer)
        self.kind = modality_of(recognizer, modality)
        self.size = recognizer.input["frames"].shape[2]
        self.num_segments, self.interval, self.hop = num_segments, interval, hop
        self.length = (num_segments - 1) * interval + 1  # of ends of segments
        self.skip_still = skip_still
        self._new_chain()  # or it says what is wrong with `skip_still`
        self.restart()

    def restart(self):
        """Forgets the frames so far: no window spans a restart."""
        self.segments = SegmentStream(self.kind, self.size)
        self.least = self.length + self.segments.lead
        self.chains = {}  # by the phase of their segments within an interval
        self.count = 0

    def add(self, seconds, image):
        """Takes what `iterate_images` yields of a frame.

        Returns:
            The `Prediction` of the window that ends there, or None.
        """
        self.segments.add(seconds, image)
        index = self.count - self.segments.lead  # of the segment that ends here
        self.count += 1
        if index < 0:
            return None
        phase = index % self.interval
        if _is_in_a_window(index, self.length, self.hop, self.interval):
            chain = self.chains.get(phase)
            if chain is None:
                chain = self.chains[phase] = self._new_chain()
            chain.add(self.segments.times_of_ends, self.segments.segment())
        else:
            self.chains.pop(phase, None)  # the next one there begins anew
        beyond = index + 1 - self.length
        if beyond >= 0 and beyond % self.hop == 0:
            return self.chains[phase].prediction()
        return None

    def _new_chain(self):
        return Chain(self.scores, self.num_segments, skip_still=self.skip_still)


def _is_in_a_window(index, length, hop, interval):
    """Whether a frame is a segment of one of the windows that it lies in."""
    first = max(0, math.ceil((index - length + 1) / hop)) * hop
    return any(
        (index - start) % interval == 0 for start in range(first, index + 1, hop)
    )


class Chain:
    """Segments at one distance: the scores of the last ones, enough for a window.

    Args:
        scores: see `segment_scores`.
        num_segments: segments in a window.
        skip_still: see `Windows`.
    """

    def __init__(self, scores, num_segments, *, skip_still=None):
        self.scores, self.state = scores, None
        self.stillness = None if skip_still is None else Stillness(skip_still)
        self.repeated = collections.deque(maxlen=num_segments)
        self.times = collections.deque(maxlen=num_segments)
        self.appearance = collections.deque(maxlen=num_segments)
        self.motion = collections.deque(maxlen=num_segments - 1)  # of pairs

    def add(self, ends, segment):
        """Passes a segment `(1, H, W, C)` through the network.

        Args:
            ends: seconds of its first and of its last frame.
            segment: as the network takes it.
        """
        repeats = self.stillness is not None and self.stillness.can_skip(segment)
        self.times.append(ends)
        self.repeated.append(repeats)
        if repeats:
            self.appearance.append(self.appearance[-1])
            self.motion.append(self.motion[-1])
            return
        outputs, self.state = self.scores(segment, self.state)
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
            repeated=sum(self.repeated) / len(self.repeated),
        )


@functools.lru_cache(maxsize=1)  # many videos, one tracing
def segment_scores(recognizer):
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


def modality_of(recognizer, name):
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


def check_least(name, value, least):
    """Raises a `ValueError` where an option is less than it may be."""
    if value < least:
        raise ValueError(f"Expected `{name}` to be {least} or more. Received: {value}.")


def _without_unused(model):
    """The model without the classifiers whose scores are not fused."""
    outputs = {k: v for k, v in model.output.items() if k not in ("off_1", "off_2")}
    return keras.Model(model.input, outputs, name=model.name)
