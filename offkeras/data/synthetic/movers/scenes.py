"""Random scenes: who and what moves where, seen by what camera.

People and things in a scene come twice: some move, and are what a detector is to find;
others rest, or only seem to move since the camera does.
"""

import dataclasses
import math

import numpy as np

from offkeras.data.synthetic.human.camera import Path
from offkeras.data.synthetic.human.finishing import Finish, draw_finish
from offkeras.data.synthetic.human.scenes import draw_light
from offkeras.data.synthetic.movers.figures import draw_person, draw_thing
from offkeras.data.synthetic.movers.ground import Ground, draw_ground

PEOPLE, THINGS = 0.65, 0.35  # of what moves
MOST = 6  # that move, in a scene
NONE = 0.08  # of scenes, in which nothing moves
RESTING = 3  # at most
HEIGHTS = (0.075, 0.75)  # of people, in heights of the picture
LENGTHS = (0.04, 0.5)  # of things
PACES = (0.04, 1.2)  # of things, heights of the picture per second
STILL = 0.4  # of cameras rest
# Of the picture's width per second, of a logarithm, radians.
PAN, TILT, ZOOM, ROLL = 0.22, 0.1, 0.12, math.radians(6)
SHAKE = 0.006  # widths
NEARER = (-0.3, 0.8)  # how much farther near things go than the rest, see `_draw_near`
EXPOSURE = 0.25  # of scenes get darker or brighter
LEAST_SEEN = 0.35  # of an object's box; what is seen of it less, counts as unseen
SMALLEST, NARROWEST = 8, 3  # pixels of the longer and shorter side of a box


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """A scene before it is drawn.

    Attributes:
        size: height and width of its frames.
        times: of them in seconds, `(T,)`.
        matrices: what the camera does to its picture at rest, `(T, 2, 3)`.
        ground: the `Ground`.
        figures: tuple of `Person` and `Thing`, far to near.
        gains: factors of brightness, `(T,)`.
        finish: the `Finish`.
    """

    size: tuple
    times: np.ndarray
    matrices: np.ndarray
    ground: Ground
    figures: tuple
    gains: np.ndarray
    finish: Finish

    def frame(self, number):
        """One of its frames, uint8 RGB `(H, W, 3)`."""
        time = self.times[number]
        picture = self.ground.frame(time, self.matrices[number], self.size)
        for figure in self.figures:
            figure.paint(picture, number)
        self.ground.light(picture, time)
        if self.gains[number] != 1:
            bright = np.rint(picture * np.float32(self.gains[number]))
            picture = np.clip(bright, 0, 255).astype(np.uint8)
        return self.finish.apply(picture, number)

    def boxes(self, number):
        """Boxes of what moves in a frame, and the numbers of the figures.

        Returns:
            float32 `(N, 4)` and int64 `(N,)`.
        """
        height, width = self.size
        boxes, tracks = [], []
        for track, figure in enumerate(self.figures):
            if not figure.moves:
                continue
            box = figure.boxes[number]
            seen = np.clip(box, 0, [width, height, width, height])
            sides, whole = seen[2:] - seen[:2], box[2:] - box[:2]
            is_seen = np.prod(sides) >= LEAST_SEEN * np.prod(whole)
            if is_seen and sides.max() >= SMALLEST and sides.min() >= NARROWEST:
                boxes.append(seen)
                tracks.append(track)
        return np.array(boxes, np.float32).reshape(-1, 4), np.array(tracks, np.int64)


def draw_scene(rng, footage, *, split, times, size, camera=None):
    """A random scene.

    Args:
        rng: NumPy random generator.
        footage: tuple of `Footage` for backgrounds and textures.
        split: `"train"`, `"validation"` or `"test"`: whose people.
        times: of the frames in seconds, `(T,)`.
        size: height and width of the frames.
        camera: `"still"` or `"moving"`. Default: either.

    Returns:
        A `Scene`.
    """
    height, width = size
    still = rng.uniform() < STILL if camera is None else camera == "still"
    path = _draw_camera(rng, times, width, still)
    matrices = _matrices(path, size)
    light = draw_light(rng)
    reach = np.abs(path.shift).max() + width * (0.02 + 0.1 * (not still))
    ground = draw_ground(rng, footage, math.ceil(max(size) + 2 * reach))
    seen = dict(times=times, matrices=matrices)

    moving = 0 if rng.uniform() < NONE else rng.integers(1, MOST + 1)
    figures = []
    for moves in [True] * int(moving) + [False] * int(rng.integers(RESTING + 1)):
        place = _draw_place(rng, size, times)
        if rng.uniform() < PEOPLE:
            tall = height * _between(rng, HEIGHTS)
            figure = draw_person(
                rng, split, height=tall, place=place, light=light, moves=moves, **seen
            )
        else:
            route = _draw_route(rng, times, height) * moves
            long = height * _between(rng, LENGTHS)
            figure = draw_thing(
                rng,
                footage,
                size=long,
                place=place,
                path=route,
                matrices=matrices,
                moves=moves,
            )
        figures.append(figure)
    if not still:
        figures += _draw_near(rng, footage, path, size, matrices)
    middle = len(times) // 2
    figures.sort(key=lambda figure: figure.boxes[middle, 3])
    swing = rng.uniform(-0.12, 0.12) if rng.uniform() < EXPOSURE else 0.0
    return Scene(
        size=tuple(size),
        times=times,
        matrices=matrices,
        ground=ground,
        figures=tuple(figures),
        gains=1 + swing * np.sin(rng.uniform(1, 12) * times + rng.uniform(0, 6)),
        finish=draw_finish(rng, 112 * width // 384),
    )


def _between(rng, limits):
    """Drawn evenly from the logarithms."""
    return math.exp(rng.uniform(*np.log(limits)))


def _draw_camera(rng, times, width, still):
    speeds = rng.uniform(-1, 1, 4) * [PAN, TILT, ZOOM, ROLL] * (not still)
    shake = rng.uniform(0, SHAKE) * (rng.uniform() < (0.2 if still else 0.5))
    rates = 2 * math.pi * rng.uniform(0.7, 5, (2, 2))
    phases = rng.uniform(0, 2 * math.pi, (2, 2))
    time = times - times.mean()
    trembling = np.sin(time[:, None, None] * rates + phases).sum(axis=2)  # (T, 2)
    return Path(
        shift=(time[:, None] * speeds[:2] + shake * trembling) * width,
        zoom=np.exp(time * speeds[2]),
        roll=time * speeds[3],
    )


def _matrices(path, size):
    """Of a camera whose middle is that of a picture of any shape, `(T, 2, 3)`."""
    height, width = size
    matrices = path.matrices(width)
    # The picture is the middle of a square one: y -> y + half, and back.
    half = (width - height) / 2
    matrices[:, :, 2] += matrices[:, :, 1] * half
    matrices[:, 1, 2] -= half
    return matrices


def _draw_place(rng, size, times):
    """x and y of a middle; in long scenes also beside the picture, to come in."""
    height, width = size
    beside = 0.05 + 0.1 * min(times[-1] - times[0], 3)
    x = rng.uniform(-beside, 1 + beside) * width
    return np.array([x, rng.uniform(0.12, 0.92) * height])


def _draw_route(rng, times, height):
    """Of a thing, see `draw_thing`: straight on, mostly level."""
    time = times - times.mean()
    pace = height * _between(rng, PACES)
    angle = rng.normal(0, 0.35) if rng.uniform() < 0.7 else rng.uniform(0, 6.3)
    side = -1 if rng.uniform() < 0.5 else 1
    turn = rng.normal(0, 1.0) * (rng.uniform() < 0.3)
    growth = rng.normal(0, 0.15) * (rng.uniform() < 0.5)
    bounce = rng.uniform(0, 0.05) * height * (rng.uniform() < 0.3)
    hops = np.abs(np.sin(rng.uniform(2, 9) * time + rng.uniform(0, 6)))
    return np.stack(
        [
            side * pace * math.cos(angle) * time,
            pace * math.sin(angle) * time - bounce * hops,
            turn * time,
            growth * time,
        ],
        axis=1,
    )


def _draw_near(rng, footage, path, size, matrices):
    """Things at rest, nearer or farther than the rest: a camera that walks passes them.

    They move against the background, with the camera.
    """
    height, width = size
    things = []
    for _ in range(rng.integers(3)):
        part = rng.uniform(*NEARER)
        route = np.zeros((len(path.shift), 4))
        route[:, :2] = part * path.shift
        things.append(
            draw_thing(
                rng,
                footage,
                size=height * rng.uniform(0.1, 0.9),
                place=rng.uniform(0, 1, 2) * [width, height],
                path=route,
                matrices=matrices,
                moves=False,
            )
        )
    return things
