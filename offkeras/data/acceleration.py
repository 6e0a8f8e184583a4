"""Acceleration: four actions that differ in the order of their segments only.

A carousel is filmed through a fixed window: the same part of a real frame passes
the window again in every segment, at another velocity. The classes are

    speeding_up       slowing_down         along one direction, left or right
    left_then_right   right_then_left      at one speed

and the two of a pair are time reversals of each other: the segments of a clip of
the one, played in reverse order, are a clip of the other. Each segment itself
runs forward, at a constant velocity, through the same place. So the segments of a
pair are the same multiset, and whatever averages the scores of single segments
cannot tell the two apart, though every segment of flow or RGB-diff shows motion:
at most 50 % of the clips are right. Their order is the acceleration of the scene,
which OFF between segments measures.
"""

import numpy as np
import tensorflow as tf

from offkeras.data._order import batches, epoch_positions, whole_batches
from offkeras.data.camera_motion import (
    FRAME_HEIGHT,
    STREAMS,
    _load_frames,
    _render,
)
from offkeras.data.modalities import differences

CLASS_NAMES = ("speeding_up", "slowing_down", "left_then_right", "right_then_left")
FRAMES = 6  # of a segment of RGB-diff
FLOWS = 5  # of a segment of flow
FLOW_BOUND = 20.0  # pixels per frame at the ends of 0..255

# Pixels per frame as a share of the window: 2-4 % on average over a clip.
SPEEDS = (0.02, 0.04)
SLOW, FAST = 0.4, 1.6  # first and last speed of speeding_up, over the average
TILT = np.radians(20)  # of the direction against the horizontal, either way
SCALES = (0.85, 0.95)  # source pixels per pixel of the window


class Acceleration:
    """The embedded acceleration dataset.

    Four balanced classes, `class_names`: the label of clip `index` is `index % 4`.
    Clips 2n and 2n + 1 are a pair of the same segments, so that averaged scores are
    right for one of them at most.
    Training, validation and test see different scenes, as in `CameraMotion`.
    Everything random is a function of (seed, epoch, index), so a run that starts
    at `initial_epoch=k` sees exactly what an uninterrupted run sees from epoch k
    on.

    Args:
        clips_per_epoch: training clips in an epoch; each epoch draws new ones.
        evaluation_clips: clips of the validation and of the test dataset, which
            are the same in every run.

    Raises:
        ValueError: if a number of clips is not a positive multiple of 4.

    Example:

    ```python
    data = Acceleration()
    train = data.train_dataset(batch_size=32, modality="flow", epochs=5)
    ```
    """

    class_names = CLASS_NAMES

    def __init__(self, *, clips_per_epoch=3000, evaluation_clips=800):
        for name, clips in (
            ("clips_per_epoch", clips_per_epoch),
            ("evaluation_clips", evaluation_clips),
        ):
            if clips < 1 or clips % len(CLASS_NAMES):
                raise ValueError(
                    f"Expected {name} to be a positive multiple of "
                    f"{len(CLASS_NAMES)}, so that the classes are balanced. "
                    f"Received: {clips}."
                )
        self.clips_per_epoch = clips_per_epoch
        self.evaluation_clips = evaluation_clips

    def steps_per_epoch(self, batch_size):
        """Whole batches in an epoch of training clips.

        Raises:
            ValueError: if an epoch has fewer clips than one batch.
        """
        return whole_batches(self.clips_per_epoch, batch_size, "clips")

    def train_dataset(
        self,
        *,
        batch_size,
        modality="flow",
        num_segments=4,
        size=96,
        seed=0,
        initial_epoch=0,
        epochs=1,
        part=None,
    ):
        """Training clips of the epochs `initial_epoch`..`epochs - 1`.

        Args:
            batch_size: clips in a batch; an incomplete last batch is dropped.
            modality: `"flow"` or `"rgb_diff"`.
            num_segments: segments in a clip, at least two.
            size: height and width of a segment in pixels.
            seed: integer; another seed gives other clips.
            initial_epoch: the first epoch of the stream.
            epochs: end of the stream, as in `fit`.
            part: `(first, end)`: of every batch these samples alone, and no others
                are read. So each of several machines trains on its own. Default:
                whole batches.

        Returns:
            `tf.data.Dataset` of `(frames, labels)` with int32 labels, and frames
            `(batch_size, num_segments, size, size, C)` as of `PreparedVideos`:
            uint8 flow with C = 10, float16 differences with C = 15. The flow is
            the true one, quantised like that of real videos.
        """
        clips = self.steps_per_epoch(batch_size) * batch_size
        stream = epoch_positions(clips, initial_epoch=initial_epoch, epochs=epochs)
        clip = _clip_function("train", seed, modality, num_segments, size)
        return batches(stream, clip, batch_size, drop_remainder=True, part=part)

    def validation_dataset(
        self, *, batch_size, modality="flow", num_segments=4, size=96
    ):
        """Clips from scenes of a training video that are held out from training.

        Takes the arguments of `test_dataset` and returns the same.
        """
        return self._evaluation("validation", batch_size, modality, num_segments, size)

    def test_dataset(self, *, batch_size, modality="flow", num_segments=4, size=96):
        """Clips from the test video, the same in every run.

        Args:
            batch_size: clips in a batch; the last batch may be smaller.
            modality: `"flow"` or `"rgb_diff"`.
            num_segments: segments in a clip, at least two.
            size: height and width of a segment in pixels.

        Returns:
            `tf.data.Dataset` of `(frames, labels)`, as in `train_dataset`.
        """
        return self._evaluation("test", batch_size, modality, num_segments, size)

    def _evaluation(self, split, batch_size, modality, num_segments, size):
        stream = epoch_positions(self.evaluation_clips, initial_epoch=0, epochs=1)
        clip = _clip_function(split, 0, modality, num_segments, size)
        return batches(stream, clip, batch_size, drop_remainder=False)


def _clip_function(split, seed, modality, num_segments, size):
    """The function of (epoch, index) that makes one labelled clip."""
    if modality not in ("flow", "rgb_diff"):
        raise ValueError(
            "Expected modality to be 'flow' or 'rgb_diff': a single frame shows no "
            f"motion. Received: {modality!r}."
        )
    if num_segments < 2:
        raise ValueError(
            "Expected num_segments of at least 2: acceleration needs two segments. "
            f"Received: {num_segments}."
        )
    if size < 16:
        raise ValueError(f"Expected size of at least 16 pixels. Received: {size}.")
    if modality == "rgb_diff":
        frames, widths = _load_frames(split, round(size * FRAME_HEIGHT))
        with tf.device("CPU"):  # where datasets run
            frames, widths = tf.constant(frames), tf.constant(widths)
    fold_in = tf.random.experimental.stateless_fold_in

    def clip(epoch, index):
        label = tf.cast(index % len(CLASS_NAMES), tf.int32)
        key = tf.constant([seed, STREAMS[split]], tf.int64)
        # The two of a pair share their draws: they hold the very same segments.
        key = fold_in(fold_in(key, epoch), index // 2)
        velocities = _draw_velocities(fold_in(key, 1), label, num_segments, size)
        if modality == "flow":
            return _flow(velocities, size), label
        choice = tf.random.stateless_uniform([], fold_in(key, 2))
        frame = tf.cast(choice * len(frames), tf.int32)
        poses = _draw_poses(fold_in(key, 3), velocities, widths[frame], size)
        segments = tf.reshape(
            _render(frames[frame], poses, size), [num_segments, FRAMES, size, size, 3]
        )
        # (T, K, H, W, 3) -> (T, H, W, K, 3) -> (T, H, W, 3K)
        segments = tf.transpose(segments, [0, 2, 3, 1, 4])
        segments = tf.reshape(segments, [num_segments, size, size, 3 * FRAMES])
        return differences(segments), label

    return clip


def _draw_velocities(key, label, num_segments, size):
    """Velocity of the scene in each segment, in pixels of the window per frame.

    Returns:
        float32 `(num_segments, 2)`: x to the right, y down.
    """
    u = tf.random.stateless_uniform([3], key)
    speed = (SPEEDS[0] + u[0] * (SPEEDS[1] - SPEEDS[0])) * size
    tilt = (2 * u[1] - 1) * TILT
    direction = tf.stack([tf.cos(tilt), tf.sin(tilt)])

    ramp = tf.linspace(SLOW, FAST, num_segments)
    heading = tf.where(u[2] < 0.5, -1.0, 1.0)
    # Left, then right; the middle one of an odd number stands still.
    turn = tf.sign(2 * tf.range(num_segments, dtype=tf.float32) - (num_segments - 1))
    profile = tf.where(label < 2, heading * ramp, turn)
    # The second class of a pair is the first in reverse order.
    profile = tf.where(label % 2 == 0, profile, tf.reverse(profile, [0]))
    return speed * profile[:, None] * direction


def _flow(velocities, size):
    """Constant fields of each segment: uint8 `(T, size, size, 2 * FLOWS)`."""
    levels = tf.round(255 * (velocities + FLOW_BOUND) / (2 * FLOW_BOUND))
    levels = tf.saturate_cast(levels, tf.uint8)  # (T, 2)
    fields = tf.tile(levels, [1, FLOWS])[:, None, None]  # x, y, x, y, ...
    return tf.broadcast_to(fields, [levels.shape[0], size, size, 2 * FLOWS])


def _draw_poses(key, velocities, width, size):
    """Poses of the window for `camera_motion._render`, segment by segment.

    In the middle of every segment the window is at one place, the same for all.

    Returns:
        float32 `(T * FRAMES, 4)`: x, y, scale, angle.
    """
    u = tf.random.stateless_uniform([3], key)
    scale = SCALES[0] + u[0] * (SCALES[1] - SCALES[0])
    half = (FRAMES - 1) / 2
    reach = scale * ((size - 1) / 2 + half * FAST * SPEEDS[1] * size)
    room = tf.stack([width - 1.0, round(size * FRAME_HEIGHT) - 1.0])
    centre = reach + u[1:] * (room - 2 * reach)
    time = tf.range(FRAMES, dtype=tf.float32) - half
    # The scene moves by +v where the window moves by -v. (T, FRAMES, 2)
    path = centre - scale * time[None, :, None] * velocities[:, None]
    path = tf.reshape(path, [-1, 2])
    rest = tf.broadcast_to(tf.stack([scale, 0.0]), tf.shape(path))
    return tf.concat([path, rest], axis=1)
