"""Who and what moves in front of a camera: a person, a second one, an object."""

import dataclasses
import math

import numpy as np

from offkeras.data.synthetic.human.actions import ACTIONS, draw_performance
from offkeras.data.synthetic.human.camera import Path, View, flatten, project
from offkeras.data.synthetic.human.people import Person, draw_person

AIM = (0.7, 0.95)  # metres above ground that the camera looks at
ASIDE = 0.25  # metres from there to the person in the middle of a clip
STRAY = 0.9  # metres that a person goes within a clip at most, seen by the camera
LOWEST_SUN = 0.3  # what height of the light, of 1, shadows are no longer than those of


@dataclasses.dataclass(frozen=True, eq=False)
class Stage:
    """What is the same for all that a clip shows.

    Attributes:
        view: the `View`.
        path: the `Path`.
        size: of the picture in pixels.
        aim: what the camera looks at in the middle of the clip, `(3,)` in metres.
        target: what it looks at, `(T, 3)`.
    """

    view: View
    path: Path
    size: int
    aim: np.ndarray
    target: np.ndarray

    @property
    def seen(self):
        """The first arguments of `camera.project` and `camera.flatten`."""
        return self.view, self.path, self.size, self.target

    def directions(self):
        """To the right, and away from the camera, both level."""
        right, _, away = self.view.axes()
        level = away * [1, 0, 1]
        return right, level / np.sqrt(np.sum(level**2))


@dataclasses.dataclass(frozen=True, eq=False)
class Actor:
    """A person who does something.

    Attributes:
        person: the `Person`.
        ends: both ends of the limbs, a pair of `(T, P, 3)` in metres.
        ground: path of the root on the ground, from where it is in the middle of the
            clip, `(T, 3)`.
    """

    person: Person
    ends: tuple
    ground: np.ndarray

    def flatten(self, stage):
        """The `Flat` that the camera sees."""
        person = self.person
        return flatten(
            *stage.seen,
            self.ends,
            person.radii,
            person.cut,
            person.heights,
            person.colours,
            person.stripes,
        )

    def shadow(self, stage, light):
        """Both ends of the limbs where light throws them on the ground, and radii."""
        # The light in the world: its own is right, down, towards the camera.
        sun = np.array(light.direction) @ (stage.view.axes() * [[1], [1], [-1]])
        sun = sun / max(sun[1], LOWEST_SUN)
        (start, scale), (end, _) = (
            project(*stage.seen, (points - points[..., 1:2] * sun) * [1, 0, 1])
            for points in self.ends
        )
        return start[..., :2], end[..., :2], scale * self.person.radii.mean(axis=1)


def draw_actor(of_action, rng, action, split, times, colour=None, turn=0.0):
    """A random person who performs an action.

    Args:
        of_action: random generator of the performance.
        rng: random generator of the person.
        action: the `Action`.
        split: whose bodies and clothes.
        times: of the frames in seconds, `(T,)`.
        colour: see `people.draw_outfit`.
        turn: angle about y.

    Returns:
        An `Actor` whose root is at x = z = 0 in the middle of the clip.
    """
    person = draw_person(rng, split, colour)
    motion, moments = draw_performance(of_action, action, times)
    root, rotations = motion.at(moments)
    mirrored = rng.uniform() < 0.5
    ground = root * person.build.root * [1, 0, 1]
    middle = ground[len(times) // 2]
    ends = tuple(
        _turned(points - middle, turn, mirrored)
        for points in person.ends(root, rotations)
    )
    return Actor(person, ends, _turned(ground - middle, turn, mirrored))


def draw_stage(rng, view, path, size, actor):
    """How the camera looks at an actor: not in its centre, and not all the way along.

    A camera that goes along with someone sees the same things far away.
    """
    right = view.axes()[0]
    aim = right * rng.uniform(-ASIDE, ASIDE) + [0, rng.uniform(*AIM), 0]
    length = np.sqrt(np.sum((actor.ground[-1] - actor.ground[0]) ** 2))
    share = 1 - rng.uniform() * min(1, STRAY / max(length, 1e-9))
    return Stage(view, path, size, aim, aim + actor.ground * share)


def draw_companion(rng, stage, split, times):
    """A second person, farther away to one side, who does anything."""
    names = list(ACTIONS)
    action = ACTIONS[names[rng.integers(len(names))]]
    turn = rng.uniform(0, 2 * math.pi)
    actor = draw_actor(rng, rng, action, split, times, turn=turn)
    right, away = stage.directions()
    side = rng.uniform(0.6, 1.5) * (-1 if rng.uniform() < 0.5 else 1)
    # It goes along with the camera: where the latter goes tells of the action.
    place = right * side + away * rng.uniform(1.0, 4.0) + stage.target - stage.aim
    ends = tuple(points + place[:, None] for points in actor.ends)
    return dataclasses.replace(actor, ends=ends)


def draw_object(rng, stage, times):
    """A ball or a roll that flies through the picture, a `Flat`."""
    right, away = stage.directions()
    up = np.array([0.0, 1.0, 0.0])
    speed = rng.uniform(0.4, 2.5) * (-1 if rng.uniform() < 0.5 else 1)
    height, bounce = rng.uniform(0.15, 1.5), rng.uniform(0, 0.6)
    turns, phase = rng.uniform(-6, 6), rng.uniform(0, 2 * math.pi)
    radius, long = rng.uniform(0.06, 0.2), rng.uniform(0, 0.4) * (rng.uniform() < 0.5)
    centre = stage.target - stage.aim + away * rng.uniform(-0.8, 2.5)
    centre = centre + right * (rng.uniform(-0.6, 0.6) + speed * times)[:, None]
    centre += up * (height + bounce * np.abs(np.sin(4 * times + phase)))[:, None]
    angle = (turns * times + phase)[:, None]
    half = long * (right * np.cos(angle) + up * np.sin(angle))
    colours, stripes = rng.integers(20, 250, (2, 1, 3)).astype(np.uint8)
    return flatten(
        *stage.seen,
        [(centre + sign * half)[:, None] for sign in (1, -1)],
        np.full((1, 2), radius),
        np.zeros(1, bool),
        np.array([[0.0, 2 * long]]),
        colours,
        stripes,
    )


def _turned(points, angle, mirrored):
    """Points `(..., 3)` turned about y, and mirrored before."""
    if mirrored:
        points = points * [1, 1, -1]
    cos, sin = math.cos(angle), math.sin(angle)
    return points @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
