"""The camera: from where it looks, and how it moves, whatever there is to be seen."""

import dataclasses
import math

import numpy as np

from offkeras.data.synthetic.human.drawing import Flat

NEAREST = 0.3  # metres; what is nearer, or behind the camera, is shown as if here
TALL = 1.7  # metres of a person, for how much of the picture one fills
# Directions of the camera in training are within so many degrees of one of eight; in
# the test they are between these.
DIRECTIONS = 8
YAWS = {"train": (0.0, 15.0), "validation": (0.0, 15.0), "test": (22.5, 5.0)}
PITCHES = (-6, 26)  # degrees above the horizontal
DISTANCES = (2.8, 7.0)  # metres
FILLED = (0.52, 0.85)  # height of a standing person in the picture
# The camera's movement over a second, and the most over a clip.
PAN, TILT, ZOOM, ROLL = 0.35, 0.15, 0.15, math.radians(8)
MOST = 0.6  # seconds' worth of each
STILL = 0.3  # of clips are seen by a camera that rests
SHAKE = 0.012  # of the picture


@dataclasses.dataclass(frozen=True)
class View:
    """Where a camera stands.

    Attributes:
        yaw: angle in radians about y; 0 sees the face of who faces +x.
        pitch: angle above the horizontal.
        distance: metres from what it looks at.
        focus: pixels of a metre at a distance of a metre.
    """

    yaw: float
    pitch: float
    distance: float
    focus: float

    def axes(self):
        """Unit vectors to the right, down and away from the camera, as rows."""
        cy, sy = math.cos(self.yaw), math.sin(self.yaw)
        cp, sp = math.cos(self.pitch), math.sin(self.pitch)
        away = np.array([-cp * cy, -sp, -cp * sy])
        right = np.array([sy, 0.0, -cy])
        return np.stack([right, np.cross(away, right), away])


@dataclasses.dataclass(frozen=True, eq=False)
class Path:
    """Movement of the picture of a camera that turns, one row a frame.

    Attributes:
        shift: of what it sees, in pixels right and down, `(T, 2)`.
        zoom: factors `(T,)`.
        roll: radians, clockwise, `(T,)`.
    """

    shift: np.ndarray
    zoom: np.ndarray
    roll: np.ndarray

    def matrices(self, size):
        """Affine maps `(T, 2, 3)` of a picture `size` pixels wide at rest."""
        cos, sin = self.zoom * np.cos(self.roll), self.zoom * np.sin(self.roll)
        middle = size / 2
        x = middle - cos * middle + sin * middle + self.shift[:, 0]
        y = middle - sin * middle - cos * middle + self.shift[:, 1]
        rows = [[cos, -sin, x], [sin, cos, y]]
        return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def draw_view(rng, split, size):
    """A random viewpoint of a split."""
    middle, reach = YAWS[split]
    step = 360 / DIRECTIONS
    yaw = rng.integers(DIRECTIONS) * step + middle + rng.uniform(-reach, reach)
    distance = rng.uniform(*DISTANCES)
    return View(
        yaw=math.radians(yaw),
        pitch=math.radians(rng.uniform(*PITCHES)),
        distance=distance,
        focus=rng.uniform(*FILLED) * size * distance / TALL,
    )


def draw_path(rng, times, size):
    """A random movement of the camera: pan, tilt, zoom, roll and shake."""
    speeds = rng.uniform(-1, 1, 4) * [PAN, TILT, ZOOM, ROLL]
    rests = rng.uniform() < STILL
    shake = rng.uniform(0, SHAKE) * (rng.uniform() < 0.5)
    rates = 2 * math.pi * rng.uniform(1.5, 5, (2, 2))
    phases = rng.uniform(0, 2 * math.pi, (2, 2))
    if rests:
        speeds = speeds * 0
    span = max(times[-1] - times[0], 1e-9)
    speeds = speeds * min(1, MOST / span)
    trembling = np.sin(times[:, None, None] * rates + phases).sum(axis=2)  # (T, 2)
    return Path(
        shift=(times[:, None] * speeds[:2] + shake * trembling) * size,
        zoom=np.exp(times * speeds[2]),
        roll=times * speeds[3],
    )


def project(view, path, size, target, points):
    """Where a camera sees points.

    Args:
        view: the `View`.
        path: the `Path`.
        size: height and width of the picture in pixels.
        target: what the camera looks at, `(T, 3)` in metres.
        points: `(T, P, 3)` in metres.

    Returns:
        x and y in pixels and depth in metres, `(T, P, 3)`; pixels in a metre there,
        `(T, P)`.
    """
    seen = (points - target[:, None]) @ view.axes().T
    depth = np.maximum(seen[..., 2] + view.distance, NEAREST)
    scale = view.focus / depth
    flat = seen[..., :2] * scale[..., None] + size / 2
    matrices = path.matrices(size)[:, None]  # (T, 1, 2, 3)
    x, y = flat[..., 0], flat[..., 1]
    moved = [
        matrices[..., row, 0] * x + matrices[..., row, 1] * y + matrices[..., row, 2]
        for row in (0, 1)
    ]
    return np.stack([*moved, depth], axis=-1), scale * path.zoom[:, None]


def flatten(view, path, size, target, ends, radii, cut, heights, colours, stripes):
    """Limbs as a camera sees them.

    Args:
        view: see `project`.
        path: see `project`.
        size: see `project`.
        target: see `project`.
        ends: both ends of the limbs, a pair of `(T, P, 3)`.
        radii: at both ends, `(P, 2)` in metres.
        cut: see `Flat`.
        heights: see `Flat`.
        colours: see `Flat`.
        stripes: see `Flat`.

    Returns:
        A `Flat`.
    """
    (start, near), (end, far) = (
        project(view, path, size, target, points) for points in ends
    )
    return Flat(
        start=start,
        end=end,
        start_radius=near * radii[:, 0],
        end_radius=far * radii[:, 1],
        scale=(near + far) / 2,
        cut=cut,
        heights=heights,
        colours=colours,
        stripes=stripes,
    )
