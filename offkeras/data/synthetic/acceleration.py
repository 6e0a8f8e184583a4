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

from offkeras.data.actions.labelled_videos import finish
from offkeras.data.synthetic.camera_motion import FRAME_HEIGHT, load_frames, render
from offkeras.data.synthetic.rendered import Rendered
from offkeras.modalities import find
from offkeras.video.optical_flow import BOUND

CLASS_NAMES = ("speeding_up", "slowing_down", "left_then_right", "right_then_left")
FRAMES = 6  # of a segment of RGB-diff
FLOWS = 5  # of a segment of flow

# Pixels per frame as a share of the window: 2-4 % on average over a clip.
SPEEDS = (0.02, 0.04)
SLOW, FAST = 0.4, 1.6  # first and last speed of speeding_up, over the average
TILT = np.radians(20)  # of the direction against the horizontal, either way
SCALES = (0.85, 0.95)  # source pixels per pixel of the window


class Acceleration(Rendered):
    """The embedded acceleration dataset: four balanced classes, flow or differences.

    Clips 2n and 2n + 1 are a pair of the same segments, so that averaged scores are
    right for one of them at most. The flow is the true one, quantised like that of
    real videos.

    Example:

    ```python
    clips = data.Acceleration.open()
    train = clips.train(data.Stream(epochs=5), batch_size=32, modality="flow")
    ```
    """

    class_names = CLASS_NAMES
    modalities = ("flow", "rgb_diff")

    def _clip_function(self, split, key, modality, num_segments, size):
        kind = find(modality)
        if kind.differences:
            frames, widths = load_frames(split, round(size * FRAME_HEIGHT))
            with tf.device("CPU"):  # where datasets run
                frames, widths = tf.constant(frames), tf.constant(widths)
        fold_in = tf.random.experimental.stateless_fold_in

        def clip(epoch, index):
            label = tf.cast(index % len(CLASS_NAMES), tf.int32)
            # The two of a pair share their draws: they hold the very same segments.
            drawn = key(epoch, index // 2)
            velocities = _draw_velocities(fold_in(drawn, 1), label, num_segments, size)
            if not kind.differences:
                return _flow(velocities, size), label
            choice = tf.random.stateless_uniform([], fold_in(drawn, 2))
            frame = tf.cast(choice * len(frames), tf.int32)
            poses = _draw_poses(fold_in(drawn, 3), velocities, widths[frame], size)
            segments = render(frames[frame], poses, size)
            segments = tf.reshape(segments, [num_segments, FRAMES, size, size, 3])
            # (T, K, H, W, 3) -> (T, H, W, K, 3) -> (T, H, W, 3K)
            segments = tf.transpose(segments, [0, 2, 3, 1, 4])
            segments = tf.reshape(segments, [num_segments, size, size, 3 * FRAMES])
            return finish(segments, kind), label

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
    levels = tf.round(255 * (velocities + BOUND) / (2 * BOUND))
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
