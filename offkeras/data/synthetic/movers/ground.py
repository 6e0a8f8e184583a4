"""What is behind movers, and what moves there without going anywhere."""

import dataclasses
import math

import numpy as np

from offkeras.data.synthetic.human.backgrounds import draw_backdrop

AT_REST = np.eye(2, 3)
SWAYING, SHADING, FLICKERING = 0.45, 0.25, 0.12  # of scenes
MOST_PATCHES = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Sway:
    """A part that swings: leaves in the wind, water.

    Attributes:
        left: of its box, in pixels of the canvas.
        top: of its box.
        reach: pixels that its points swing, `(h, w)`: none at the edge.
        phases: of the swing in radians, `(h, w)`.
        rate: radians per second.
        slope: how much of it is up and down.
    """

    left: int
    top: int
    reach: np.ndarray
    phases: np.ndarray
    rate: float
    slope: float

    def apply(self, canvas, time):
        """Swings a part of the canvas, which is changed."""
        import cv2

        height, width = self.reach.shape
        part = canvas[self.top : self.top + height, self.left : self.left + width]
        swing = self.reach * np.sin(self.phases + np.float32(self.rate * time))
        columns, rows = np.meshgrid(
            np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
        )
        part[:] = cv2.remap(
            part,
            columns + swing,
            rows + np.float32(self.slope) * swing,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Shade:
    """A soft part that is darker or brighter than the rest, and may wander.

    Attributes:
        centre: x and y in shares of the picture at time 0.
        velocity: of it, per second.
        radius: x and y, in shares.
        change: of the brightness in its middle, -1 to 1.
        rate: radians per second in which that swings; 0: it stays.
    """

    centre: np.ndarray
    velocity: np.ndarray
    radius: np.ndarray
    change: float
    rate: float

    def apply(self, picture, time):
        """Changes the brightness of a picture, uint8 `(H, W, 3)`."""
        import cv2

        height, width = picture.shape[:2]
        y, x = np.mgrid[:36, :48].astype(np.float32)
        centre = self.centre + self.velocity * time
        x = ((x + 0.5) / 48 - centre[0]) / self.radius[0]
        y = ((y + 0.5) / 36 - centre[1]) / self.radius[1]
        change = self.change * (math.sin(self.rate * time) if self.rate else 1)
        gain = 1 + np.float32(change) * np.exp(-((x * x + y * y) ** 2))
        gain = cv2.resize(gain, (width, height))[..., None]
        picture[:] = np.clip(np.rint(picture * gain), 0, 255)


@dataclasses.dataclass(frozen=True, eq=False)
class Ground:
    """A still picture seen by a camera that moves.

    Attributes:
        canvas: uint8 `(S, S, 3)`, wider than the picture.
        sways: tuple of `Sway`.
        shades: tuple of `Shade`.
    """

    canvas: np.ndarray
    sways: tuple
    shades: tuple

    def frame(self, time, matrix, size):
        """What the camera sees, uint8 `(H, W, 3)`.

        Args:
            time: in seconds.
            matrix: what the camera does to its picture at rest, `(2, 3)`.
            size: height and width of the picture; at rest it is the middle of the
                canvas.
        """
        import cv2

        canvas = self.canvas.copy() if self.sways else self.canvas
        for sway in self.sways:
            sway.apply(canvas, time)
        shift = (np.array(size[::-1]) - len(canvas)) / 2
        whole = np.array(matrix)
        whole[:, 2] += matrix[:, :2] @ shift
        return cv2.warpAffine(
            canvas,
            whole,
            tuple(size[::-1]),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )

    def light(self, picture, time):
        """Lays the shades of a time over a picture, which is changed."""
        for shade in self.shades:
            shade.apply(picture, time)


def draw_ground(rng, footage, side):
    """A random background on a canvas of `side` pixels."""
    backdrop = dataclasses.replace(draw_backdrop(rng, footage, side), plays=False)
    canvas = backdrop.frame(0, AT_REST, side)
    sways = shades = ()
    if rng.uniform() < SWAYING:
        patches = rng.integers(1, MOST_PATCHES + 1)
        sways = tuple(_draw_sway(rng, side) for _ in range(patches))
    if rng.uniform() < SHADING:
        shades += (_draw_shade(rng, rate=0.0),)
    if rng.uniform() < FLICKERING:
        shades += (_draw_shade(rng, rate=rng.uniform(3, 30)),)
    return Ground(canvas, sways, shades)


def _draw_sway(rng, side):
    width, height = (int(side * rng.uniform(0.1, 0.5)) for _ in range(2))
    left, top = (int(rng.integers(side - n + 1)) for n in (width, height))
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    edge = np.clip(2 - 2 * np.sqrt(x * x + y * y), 0, 1)
    waves = rng.uniform(-1, 1, 2) * 2 * math.pi * side / rng.uniform(20, 160)
    phases = waves[0] * x * width / side + waves[1] * y * height / side
    phases = phases + 2 * np.sin(5 * x + 3 * y + rng.uniform(0, 6))
    return Sway(
        left,
        top,
        reach=(edge * rng.uniform(0.4, 3.0) * side / 420).astype(np.float32),
        phases=phases.astype(np.float32),
        rate=rng.uniform(2, 14),
        slope=rng.uniform(-1, 1),
    )


def _draw_shade(rng, rate):
    wanders = rate == 0
    return Shade(
        centre=rng.uniform(0, 1, 2),
        velocity=rng.uniform(-0.5, 0.5, 2) * wanders,
        radius=rng.uniform(0.08, 0.6, 2),
        change=rng.uniform(-0.5, 0.2),
        rate=float(rate),
    )
