"""A restorer over a stream of frames: whole ones, or in tiles."""

import collections
import functools
import itertools

import numpy as np
import tensorflow as tf

from offkeras.inference.restoration.tiles import (
    make_tiles,
    receptive_radius,
    restore_tiled,
)
from offkeras.models import streaming
from offkeras.models.artifact_removal import target_index


def restore_sources(sources, model, *, tile=None, strength=1.0, worth=None):
    """Yields every `SourceFrame` with its picture restored, uint8 `(H, W, 3)`.

    Before its first and after its last frame the video is continued by repeating
    that frame.

    Args:
        sources: iterable of `SourceFrame`s.
        model: a `DnCNN` or an `OFFArtifactRemover`.
        tile: largest height and width of a tile in pixels, see `make_tiles`.
        strength: how much of the correction is added, 0 to 1.
        worth: function of a `SourceFrame`, called once for each in their order: whether
            to restore it. Others are given as they are. Default: all are restored.

    Raises:
        ValueError: if `model` restores no frames, or `tile` or `strength` is wrong.
    """
    _check_model(model)
    if not 0 <= strength <= 1:
        raise ValueError(f"Expected `strength` to be 0 to 1. Received: {strength}.")
    # The restoration may be a frame ahead: that one frame waits in the tee.
    sources, ahead = itertools.tee(sources)
    frames = ((source.rgb, worth is None or worth(source)) for source in ahead)
    restored = _restore_frames(frames, model, tile, float(strength))
    return zip(sources, restored, strict=True)


def _check_model(model):
    outputs = model.output if isinstance(model.output, dict) else {}
    if "restored" not in outputs or model.inputs[0].name != "frames":
        raise ValueError(
            "Expected `model` to be a DnCNN or an OFFArtifactRemover, from 'frames' "
            f"to 'restored'. Received: {model.name!r}."
        )


def _restore_frames(frames, model, tile, strength):
    """Yields the picture to show for every `(frame, whether to restore it)`."""
    first, frames = _peek(frames)
    height, width = first[0].shape[:2]
    tiles = make_tiles(height, width, receptive_radius(model), tile)
    num_frames = model.inputs[0].shape[1]
    if num_frames > 1 and len(tiles) == 1:
        restorer = _Stream(model, strength)
    else:
        restorer = _Windows(model, strength, tiles)
    target = target_index(num_frames)
    window = collections.deque(maxlen=num_frames)
    for frame in _continue(frames, target, num_frames - 1 - target):
        window.append(frame)
        if len(window) == num_frames:
            picture, is_wanted = window[target]
            if is_wanted:
                yield restorer.restore([picture for picture, _ in window])
            else:
                restorer.forget()
                yield picture


class _Windows:
    """Restores every window by itself, tile by tile."""

    def __init__(self, model, strength, tiles):
        self.function, self.tiles = _window_function(model, strength), tiles

    def restore(self, window):
        return restore_tiled(self.function, window, self.tiles)

    def forget(self):
        """Nothing is kept."""


class _Stream:
    """Restores windows that follow one another: one head and one tail each."""

    def __init__(self, model, strength):
        self.start, self.step = _stream_functions(model, strength)
        self.target = target_index(model.inputs[0].shape[1])
        self.state = None  # of all frames of the last window

    def restore(self, window):
        if self.state is None:
            *past, _ = window
            if past[0] is past[-1]:  # a repeated frame, of which one is enough
                past = past[-1:]
            self.state = self.start(past[0][None])
            for frame in past[1:]:
                _, self.state = self.step(frame[None], frame[None], self.state)
        target, newest = window[self.target][None], window[-1][None]
        restored, self.state = self.step(newest, target, self.state)
        return restored[0].numpy()

    def forget(self):
        """The next window does not follow the last one."""
        self.state = None


@functools.lru_cache(maxsize=1)  # many videos, one tracing
def _stream_functions(model, strength):
    """`start` and `step` as graphs of uint8 frames."""
    start, step = streaming(model)

    @tf.function(autograph=False)
    def first_state(frame):
        return start({"frame": tf.cast(frame, tf.float32)}, training=False)

    @tf.function(autograph=False)
    def next_state(frame, target, state):
        inputs = {"frame": tf.cast(frame, tf.float32), **state}
        outputs = step(inputs, training=False)
        restored = _to_uint8(_mix(target, outputs["restored"], strength))
        return restored, {key: outputs[key] for key in state}

    return first_state, next_state


@functools.lru_cache(maxsize=1)
def _window_function(model, strength):
    """The model as a graph from uint8 clips to the restored frames."""
    num_frames = model.inputs[0].shape[1]
    signature = tf.TensorSpec((1, num_frames, None, None, 3), tf.uint8)

    @tf.function(autograph=False, input_signature=[signature])
    def restored(clips):
        outputs = model({"frames": tf.cast(clips, tf.float32)}, training=False)
        target = clips[:, target_index(num_frames)]
        return _to_uint8(_mix(target, outputs["restored"], strength))

    return restored


def _mix(target, restored, strength):
    """The frame with so much of its correction."""
    if strength == 1:
        return restored
    target = tf.cast(target, restored.dtype)
    return target + strength * (restored - target)


def _to_uint8(images):
    return tf.cast(tf.round(tf.clip_by_value(images, 0, 255)), tf.uint8)


def _continue(frames, before, after):
    """Continues a video by repeats of its first and of its last frame."""
    frame, frames = _peek(frames)
    yield from itertools.repeat(frame, before)
    for frame in frames:  # noqa: B007  the last one is repeated
        yield frame
    yield from itertools.repeat(frame, after)


def _peek(iterator):
    """The first element, and the iterator with it."""
    iterator = iter(iterator)
    first = next(iterator)
    return first, itertools.chain([first], iterator)


def split_picture(before, after):
    """The left half as it was, the right half restored, a white line between."""
    middle = after.shape[1] // 2
    frame = after.copy()
    frame[:, :middle] = before[:, :middle]
    frame[:, max(middle - 1, 0) : middle + 1] = 255
    return frame


def side_by_side(before, after):
    """Both pictures whole, with a white line of two pixels between."""
    line = np.full((len(before), 2, 3), 255, np.uint8)
    return np.concatenate([before, line, after], axis=1)
