"""Camera motion: eight actions cut from three real videos, no download.

A clip is one still frame seen through a square window that moves. The class is
the motion of the window, that is, of the camera: under `pan_left` the content
moves right, under `turn_left` (counter-clockwise) it turns clockwise.

One segment alone says nothing about the class. A window has four degrees of
freedom: x, y, zoom and angle. In every clip each of them is displaced by one of
the same `num_segments` evenly spaced offsets. The degree of freedom that makes
the class visits its offsets in order, the other three keep one offset drawn at
random. So a segment picked at random has the same distribution of poses in all
eight classes, and the two classes of a pair are time reversals of each other.
"""

import functools
import math

import numpy as np
import tensorflow as tf

from offkeras.data.sample_videos import sample_video
from offkeras.data.synthetic.rendered import Rendered

# Class name -> (degree of freedom, sign); degrees: 0 x, 1 y, 2 log scale, 3 angle.
# Image coordinates: y points down, so a positive angle turns clockwise.
MOTIONS = {
    "pan_left": (0, -1.0),
    "pan_right": (0, 1.0),
    "pan_up": (1, -1.0),
    "pan_down": (1, 1.0),
    "zoom_in": (2, -1.0),
    "zoom_out": (2, 1.0),
    "turn_left": (3, -1.0),
    "turn_right": (3, 1.0),
}

# Per segment: pans of 2-6 % of the window, zooms of 4-9 %, turns of 3-8 degrees.
# More than four segments move in smaller steps over the same total path.
SLOWEST = np.array([0.02, 0.02, 0.04, math.radians(3)], np.float32)
FASTEST = np.array([0.06, 0.06, 0.09, math.radians(8)], np.float32)
LONGEST_PATH = 3  # in steps

BASE_SCALE = (0.85, 0.95)  # source pixels per output pixel
BASE_ANGLE = math.radians(8)  # either way
# Frames are this much higher than the window: 160 pixels for a window of 96. The
# longest path of every degree of freedom at once then stays inside the frame.
FRAME_HEIGHT = 5 / 3

# (file, first frame, end frame). Validation holds out the scenes of bikes.mp4
# after its cut at frame 187; the test video is never trained on.
SOURCES = {
    "train": (("bikes.mp4", 0, 187), ("bigbuckbunny.mp4", 0, None)),
    "validation": (("bikes.mp4", 187, None),),
    "test": (("carphone_pristine.mp4", 0, None),),
}


class CameraMotion(Rendered):
    """The embedded camera-motion dataset: eight balanced classes, RGB.

    Example:

    ```python
    clips = data.CameraMotion.open()
    train = clips.train(data.Stream(epochs=5), batch_size=32, outputs=model.output)
    model.fit(train, steps_per_epoch=clips.steps_per_epoch(32), epochs=5)
    ```
    """

    class_names = tuple(MOTIONS)
    modalities = ("rgb",)

    def _clip_function(self, split, key, modality, num_segments, size):
        frames, widths = load_frames(split, round(size * FRAME_HEIGHT))
        with tf.device("CPU"):  # where datasets run
            frames, widths = tf.constant(frames), tf.constant(widths)
        fold_in = tf.random.experimental.stateless_fold_in

        def clip(epoch, index):
            label = tf.cast(index % len(MOTIONS), tf.int32)
            drawn = key(epoch, index)
            choice = tf.random.stateless_uniform([], fold_in(drawn, 1))
            frame = tf.cast(choice * len(frames), tf.int32)
            poses = _draw_poses(
                fold_in(drawn, 2),
                label,
                widths[frame],
                num_segments=num_segments,
                size=size,
            )
            return render(frames[frame], poses, size), label

        return clip


def _draw_poses(key, label, width, *, num_segments, size):
    """Poses of the window in a frame `width` pixels wide.

    Returns:
        float32 `(num_segments, 4)`: x and y of the window's centre in the
        frame, scale (source pixels per output pixel), angle in radians.
    """
    u = tf.random.stateless_uniform([12], key)
    step = SLOWEST + u[:4] * (FASTEST - SLOWEST)
    step *= np.float32([size, size, 1, 1])  # pans in output pixels
    step *= min(1.0, LONGEST_PATH / (num_segments - 1))
    last = (num_segments - 1) / 2
    ramp = tf.range(num_segments, dtype=tf.float32) - last
    rest = tf.floor(u[4:8] * num_segments) - last

    degree, sign = zip(*MOTIONS.values(), strict=True)
    moves = tf.one_hot(tf.gather(degree, label), 4, dtype=tf.float32)  # (4,)
    moved = tf.gather(sign, label) * ramp[:, None] * moves
    offsets = (moved + rest * (1 - moves)) * step  # (num_segments, 4)

    base_scale = BASE_SCALE[0] + u[8] * (BASE_SCALE[1] - BASE_SCALE[0])
    base_angle = (2 * u[9] - 1) * BASE_ANGLE
    scale = base_scale * tf.exp(offsets[:, 2])
    angle = base_angle + offsets[:, 3]

    # The centre is drawn from the range that keeps every possible path of these
    # steps inside the frame, whatever the class: a border must not tell it.
    most = step * last
    extent = (size - 1) / 2 + most[:2]
    widest, steepest = base_scale * tf.exp(most[2]), tf.abs(base_angle) + most[3]
    reach = widest * (
        tf.cos(steepest) * extent + tf.sin(steepest) * tf.reverse(extent, [0])
    )
    room = tf.stack([width - 1.0, round(size * FRAME_HEIGHT) - 1.0])
    centre = reach + u[10:] * (room - 2 * reach)

    # Pans follow the axes of the turned window: content moves exactly sideways.
    dx, dy = offsets[:, 0], offsets[:, 1]
    x = centre[0] + scale * (tf.cos(angle) * dx - tf.sin(angle) * dy)
    y = centre[1] + scale * (tf.sin(angle) * dx + tf.cos(angle) * dy)
    return tf.stack([x, y, scale, angle], axis=1)


def render(frame, poses, size):
    """The window at each pose: uint8 `(num_segments, size, size, 3)`."""
    x, y, scale, angle = tf.unstack(poses, axis=1)
    cos, sin = scale * tf.cos(angle), scale * tf.sin(angle)
    middle = (size - 1) / 2

    # Only the square of the frame that the path can touch is copied and converted.
    height, width = tf.unstack(tf.shape(frame)[:2])
    left = tf.cast(tf.round(tf.reduce_mean(x)), tf.int32) - height // 2
    left = tf.clip_by_value(left, 0, width - height)
    square = tf.cast(frame[:, left : left + height], tf.float32)
    squares = tf.repeat(square[None], tf.shape(poses)[0], axis=0)

    # Output pixel (u, v) shows (a u + b v + c, d u + e v + f) of the frame.
    c = x - tf.cast(left, tf.float32) - middle * (cos - sin)
    f = y - middle * (sin + cos)
    zero = tf.zeros_like(x)
    segments = tf.raw_ops.ImageProjectiveTransformV3(
        images=squares,
        transforms=tf.stack([cos, -sin, c, sin, cos, f, zero, zero], axis=1),
        output_shape=[size, size],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )
    return tf.ensure_shape(
        tf.cast(tf.round(segments), tf.uint8), [poses.shape[0], size, size, 3]
    )


@functools.lru_cache(maxsize=6)  # the three splits at two sizes
def load_frames(split, height):
    """All frames of a split at one height, padded on the right to one width.

    Returns:
        uint8 `(N, height, width, 3)` and the true widths, float32 `(N,)`.
    """
    frames = [
        frame
        for name, first, end in SOURCES[split]
        for frame in _decode(sample_video(name), height)[first:end]
    ]
    widths = np.array([frame.shape[1] for frame in frames], np.float32)
    padded = np.zeros((len(frames), height, int(widths.max()), 3), np.uint8)
    for target, frame in zip(padded, frames, strict=True):
        target[:, : frame.shape[1]] = frame
    return padded, widths


def _decode(path, height):
    import av
    from av.video.reformatter import Interpolation

    frames = []
    with av.open(path) as container:
        for frame in container.decode(video=0):
            width = round(frame.width * height / frame.height)
            frame = frame.reformat(
                width=width,
                height=height,
                format="rgb24",
                interpolation=Interpolation.AREA,
            )
            edge = math.ceil(width / 50)  # carphone has a dark column at its left
            frames.append(frame.to_ndarray()[:, edge:-edge])
    return frames
