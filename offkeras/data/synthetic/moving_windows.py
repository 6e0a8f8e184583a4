"""Camera motion over footage: a window that moves over a playing video or a picture.

Unlike `camera_motion`, whose clips are still frames, what the window shows may move by
itself, and the camera may rest. The clips are written as video files.
"""

import dataclasses
import math
import random

import numpy as np

from offkeras.video import read_frames

# Class name -> signs of what moves; y points down, a positive roll is clockwise.
MOTIONS = {
    "still": {},
    "pan_left": {"x": -1},
    "pan_right": {"x": 1},
    "tilt_up": {"y": -1},
    "tilt_down": {"y": 1},
    "zoom_in": {"zoom": -1},
    "zoom_out": {"zoom": 1},
    "roll_left": {"angle": -1},
    "roll_right": {"angle": 1},
}
# Ranges, drawn from evenly. Paths are those of a whole clip.
SIDE = (0.45, 0.65)  # of the window, in shorter sides of the footage
PATHS = {
    "x": (0.4, 1.0),  # sides of the window
    "y": (0.3, 0.6),
    "zoom": (0.35, 0.7),  # of its logarithm
    "angle": (math.radians(15), math.radians(50)),
}


@dataclasses.dataclass(frozen=True)
class Window:
    """A square seen in a frame: its centre and side in pixels, its angle in radians."""

    x: float
    y: float
    side: float
    angle: float


def path(motion, height, width, num_frames, seed):
    """The window in every frame of a clip.

    Args:
        motion: signs of what moves, as in `MOTIONS`.
        height: of the footage, in pixels.
        width: of the footage.
        num_frames: length of the clip.
        seed: all that is random depends on it.

    Returns:
        List of `Window`. A path that is longer than the footage is wide is cut to fit.
    """
    rng = random.Random(seed)
    side = rng.uniform(*SIDE) * min(height, width)
    lengths = {name: rng.uniform(*limits) for name, limits in PATHS.items()}
    longest = {"x": (width - side) / side, "y": (height - side) / side}
    move = {
        name: motion.get(name, 0) * min(length, longest.get(name, math.inf))
        for name, length in lengths.items()
    }
    move["x"], move["y"] = side * move["x"], side * move["y"]
    x = _inside(rng, width, side + abs(move["x"]))
    y = _inside(rng, height, side + abs(move["y"]))
    # A zoom begins or ends at the whole window.
    middle = -abs(move["zoom"]) / 2
    steps = np.linspace(-0.5, 0.5, num_frames)
    return [
        Window(
            x + step * move["x"],
            y + step * move["y"],
            side * math.exp(middle + step * move["zoom"]),
            step * move["angle"],
        )
        for step in steps
    ]


def _inside(rng, length, extent):
    """A centre whose surroundings of an extent lie within a length."""
    return rng.uniform(extent / 2, max(length - extent / 2, extent / 2))


def shrink(picture, size):
    """A picture scaled down until the smallest window shows it pixel by pixel.

    Args:
        picture: uint8 RGB `(H, W, 3)`. A smaller one stays as it is.
        size: height and width of what a window shows.
    """
    import cv2

    scale = size / SIDE[0] / min(picture.shape[:2])
    if scale >= 1:
        return picture
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def render(frame, window, size):
    """What a window shows of a frame, uint8 `(size, size, 3)`; borders are mirrored."""
    import cv2

    scale = window.side / size
    cos, sin = scale * math.cos(window.angle), scale * math.sin(window.angle)
    middle = (size - 1) / 2
    matrix = np.array(
        [
            [cos, -sin, window.x - middle * (cos - sin)],
            [sin, cos, window.y - middle * (sin + cos)],
        ]
    )
    return cv2.warpAffine(
        frame,
        matrix,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )


def read_clip(footage, motion, *, num_frames, size, seed):
    """A clip of a random stretch of a video, or of a picture.

    Args:
        footage: the `VideoInfo` of a video; one that is shorter rests at its end. Or a
            picture, uint8 RGB `(H, W, 3)`, which rests all the time.
        motion: signs of what moves, as in `MOTIONS`.
        num_frames: length of the clip.
        size: height and width of its frames.
        seed: all that is random depends on it.

    Yields:
        Frames, uint8 `(size, size, 3)`.
    """
    frames = [footage]
    if not isinstance(footage, np.ndarray):
        spare = max(footage.num_frames - num_frames, 0)
        first = random.Random(f"{seed} stretch").randint(0, spare)
        last = min(first + num_frames, footage.num_frames)
        frames = list(read_frames(footage, range(first, last)))
    frames += frames[-1:] * (num_frames - len(frames))
    height, width = frames[0].shape[:2]
    windows = path(motion, height, width, num_frames, seed)
    for frame, window in zip(frames, windows, strict=True):
        yield render(frame, window, size)
