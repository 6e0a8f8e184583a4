"""Captured motions: the pose of a person at any time.

`motions.npz` is made by `import_motions`; README.md beside it says where the motions
come from.
"""

import dataclasses
import functools
import math
from pathlib import Path

import numpy as np

from offkeras.data.synthetic.human.kinematics import TURNING

FILE = Path(__file__).with_name("motions.npz")
ROTATION_STEP = 1 / 32767  # of the integers in the file
LENGTH_STEP = 1e-4  # metres


@dataclasses.dataclass(frozen=True, eq=False)
class Motion:
    """One performance.

    Attributes:
        name: of the performance.
        loops: whether it goes on with its first pose after its last, from where and
            in the direction it ended.
        times: of its poses in seconds, `(N,)`, from 0.
        root: positions `(N, 3)` of the root in metres, see `kinematics`.
        rotations: unit quaternions `(N, 13, 4)`.
    """

    name: str
    loops: bool
    times: np.ndarray
    root: np.ndarray
    rotations: np.ndarray

    @property
    def duration(self):
        """Seconds."""
        return float(self.times[-1])

    def at(self, times):
        """Poses at some times.

        Rotations are interpolated on the sphere, the root is on straight lines. Before
        the beginning and after the end a motion that loops goes on, any other rests.

        Args:
            times: seconds, `(T,)`.

        Returns:
            Positions of the root `(T, 3)` and rotations `(T, 13, 4)`, as
            `kinematics.forward` takes them.
        """
        times = np.asarray(times, np.float64)
        cycles = np.zeros(len(times))
        if self.loops:
            cycles = np.floor(times / self.duration)
            times = times - cycles * self.duration
        times = np.clip(times, 0, self.duration)
        last = len(self.times) - 2
        before = np.searchsorted(self.times, times, "right") - 1
        before = np.clip(before, 0, last)
        gap = self.times[before + 1] - self.times[before]
        part = (times - self.times[before]) / gap
        root = self.root[before] * (1 - part)[:, None]
        root += self.root[before + 1] * part[:, None]
        rotations = slerp(
            self.rotations[before], self.rotations[before + 1], part[:, None, None]
        )
        for index in np.flatnonzero(cycles):
            root[index], rotations[index, 0] = self._go_on(
                int(cycles[index]), root[index], rotations[index, 0]
            )
        return root, rotations

    def _go_on(self, cycles, root, rotation):
        """A pose of the root after some rounds: each starts where the last ended."""
        turn = _heading(self.rotations[-1, 0]) - _heading(self.rotations[0, 0])
        start = self.root[0] * [1, 0, 1]
        step = self.root[-1] * [1, 0, 1] - start
        angle, place = 0.0, np.zeros(3)
        for _ in range(abs(cycles)):
            if cycles > 0:
                place = place + _turned(step, angle)
                angle += turn
            else:
                angle -= turn
                place = place - _turned(step, angle)
        half = angle / 2
        about_y = np.array([math.cos(half), 0.0, math.sin(half), 0.0])
        height = [0, root[1], 0]
        root = start + place + _turned(root * [1, 0, 1] - start, angle) + height
        return root, multiply(about_y, rotation)


def slerp(first, second, part):
    """Unit quaternions `(..., 4)` on the shorter arc from `first` to `second`."""
    cosine = np.sum(first * second, axis=-1, keepdims=True)
    second = np.where(cosine < 0, -second, second)
    angle = np.arccos(np.minimum(np.abs(cosine), 1))
    sine = np.sin(angle)
    near = sine < 1e-6  # there the arc is a line
    safe = np.where(near, 1, sine)
    a = np.where(near, 1 - part, np.sin((1 - part) * angle) / safe)
    b = np.where(near, part, np.sin(part * angle) / safe)
    between = a * first + b * second
    return between / np.sqrt(np.sum(between**2, axis=-1, keepdims=True))


def multiply(first, second):
    """The quaternion that turns by `second`, then by `first`."""
    a, b, c, d = first
    w, x, y, z = second
    return np.array(
        [
            a * w - b * x - c * y - d * z,
            a * x + b * w + c * z - d * y,
            a * y - b * z + c * w + d * x,
            a * z + b * y - c * x + d * w,
        ]
    )


def _heading(rotation):
    """Angle about y of what a rotation of the root does to the horizontal."""
    w, _, y, _ = rotation
    return 2 * math.atan2(y, w)


def _turned(vector, angle):
    """A vector turned about y."""
    cos, sin = math.cos(angle), math.sin(angle)
    x, y, z = vector
    return np.array([cos * x + sin * z, y, cos * z - sin * x])


@functools.cache
def load_motions():
    """All motions of the package: a dict of their names to `Motion`."""
    with np.load(FILE, allow_pickle=False) as arrays:
        stored = {name: arrays[name] for name in arrays.files}
    ends = np.cumsum(stored["lengths"])
    rotations = stored["rotations"].reshape(-1, len(TURNING), 4) * ROTATION_STEP
    rotations /= np.sqrt(np.sum(rotations**2, axis=-1, keepdims=True))
    root = stored["root"] * LENGTH_STEP
    motions = {}
    for name, loops, end, length in zip(
        stored["names"].tolist(), stored["loops"], ends, stored["lengths"], strict=True
    ):
        part = slice(end - length, end)
        times = stored["times"][part].astype(np.float64)
        motions[name] = Motion(name, bool(loops), times, root[part], rotations[part])
    return motions
