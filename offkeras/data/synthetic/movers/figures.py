"""People and things in the picture of a camera that moves.

A figure knows where it is in every frame, as boxes, and paints itself.
"""

import dataclasses
import math

import numpy as np

from offkeras.data.synthetic.human import cast, finishing
from offkeras.data.synthetic.human.actions import ACTIONS
from offkeras.data.synthetic.human.camera import TALL, YAWS, Path, View
from offkeras.data.synthetic.human.drawing import Flat, Light, draw

# How often people do what. Those of `ONCE` come to rest within seconds.
COMMON = {"walk": 0.55, "run": 0.25, "walk_backward": 0.05, "crawl": 0.15}
ONCE = tuple(sorted({*ACTIONS} - {*COMMON, "stand"}))
ONCE_SHARE, LONG = 0.25, 1.0  # of people; seconds after which none does
PITCHES = (-4, 35)  # degrees above the horizontal: street cameras look down
DISTANCES = (4.0, 18.0)  # metres
AIM = (0.0, 0.85, 0.0)  # metres: the middle of a person
LEAST_MOVED = 0.7  # pixels from the first frame to the last; who moves less, rests
SHADOWED = 0.6  # of people throw one on the ground
CORNERS = 24  # of the outline of a thing


@dataclasses.dataclass(frozen=True, eq=False)
class Person:
    """Someone who does something.

    Attributes:
        flat: the limbs in the picture, see `human.drawing`.
        shadow: as `finishing.cast_shadow` takes it, or None.
        darkness: of the shadow, 0 to 1.
        light: the `Light`.
        moves: whether they do.
    """

    flat: Flat
    shadow: tuple | None
    darkness: float
    light: Light
    moves: bool

    @property
    def boxes(self):
        """x1, y1, x2, y2 in every frame, float32 `(T, 4)`."""
        ends = (
            (self.flat.start, self.flat.start_radius),
            (self.flat.end, self.flat.end_radius),
        )
        low = [(end[..., :2] - radius[..., None]).min(axis=1) for end, radius in ends]
        high = [(end[..., :2] + radius[..., None]).max(axis=1) for end, radius in ends]
        corners = [np.minimum(*low), np.maximum(*high)]
        return np.concatenate(corners, axis=1).astype(np.float32)

    def paint(self, picture, number):
        """Draws them into the picture of frame `number`, uint8 `(H, W, 3)`."""
        if self.shadow is not None:
            finishing.cast_shadow(picture, self.shadow, number, self.darkness)
        draw(picture, self.flat, number, self.light)


def draw_person(rng, split, *, height, place, times, matrices, light, moves):
    """A random person.

    Args:
        rng: NumPy random generator.
        split: whose bodies, clothes and viewpoints, see `human.people`.
        height: of one who stands, in pixels of the camera at rest.
        place: x and y of the middle of them there.
        times: of the frames in seconds, `(T,)`.
        matrices: what the camera does to its picture at rest, `(T, 2, 3)`.
        light: the `Light`.
        moves: whether they do something, or stand as in a photograph.

    Returns:
        A `Person`. One whose action can hardly be seen rests.
    """
    view = _draw_view(rng, split, height)
    rest = Path(np.zeros((len(times), 2)), np.ones(len(times)), np.zeros(len(times)))
    aim = np.array(AIM)
    stage = cast.Stage(view, rest, 0, aim, np.tile(aim, (len(times), 1)))
    action = ACTIONS[_draw_action(rng, times[-1] - times[0])]
    performed = times - times.mean() if moves else np.zeros(len(times))
    actor = cast.draw_actor(rng, rng, action, split, performed)
    flat = actor.flatten(stage)
    shift = flat.start[-1, :, :2] - flat.start[0, :, :2]
    moves = moves and np.hypot(*shift.T).mean() >= LEAST_MOVED
    shadow = None
    if rng.uniform() < SHADOWED and view.pitch > 0.1:
        start, end, radius = actor.shadow(stage, light)
        zoom = _zoom(matrices)[:, None]
        shadow = (
            _seen(start + place, matrices),
            _seen(end + place, matrices),
            radius * zoom,
        )
    return Person(
        flat=_placed(flat, place, matrices),
        shadow=shadow,
        darkness=rng.uniform(0.15, 0.6),
        light=light,
        moves=bool(moves),
    )


def _draw_view(rng, split, height):
    middle, reach = YAWS[split]
    distance = rng.uniform(*DISTANCES)
    yaw = rng.integers(8) * 45 + middle + rng.uniform(-reach, reach)
    return View(
        yaw=math.radians(yaw),
        pitch=math.radians(rng.uniform(*PITCHES)),
        distance=distance,
        focus=height * distance / TALL,
    )


def _draw_action(rng, seconds):
    if seconds < LONG and rng.uniform() < ONCE_SHARE:
        return ONCE[rng.integers(len(ONCE))]
    return list(COMMON)[rng.choice(len(COMMON), p=list(COMMON.values()))]


def _zoom(matrices):
    return np.hypot(matrices[:, 0, 0], matrices[:, 1, 0])


def _seen(points, matrices):
    """Points `(T, P, 2)` of the camera at rest where it sees them."""
    return points @ matrices[:, :, :2].transpose(0, 2, 1) + matrices[:, None, :, 2]


def _placed(flat, place, matrices):
    """Limbs around (0, 0), put at a place that the camera sees."""
    zoom = _zoom(matrices)[:, None]
    ends = {}
    for name in ("start", "end"):
        points = getattr(flat, name)
        where = _seen(points[..., :2] + place, matrices)
        ends[name] = np.concatenate([where, points[..., 2:]], axis=-1)
        radius = f"{name}_radius"
        ends[radius] = getattr(flat, radius) * zoom
    return dataclasses.replace(flat, **ends, scale=flat.scale * zoom)


@dataclasses.dataclass(frozen=True, eq=False)
class Thing:
    """A cut-out with some texture.

    Attributes:
        sprite: float32 `(h, w, 4)`: texture times opacity, and opacity in 0..1.
        outline: its corners in pixels of the sprite, `(CORNERS, 2)`.
        matrices: from the sprite to the picture in every frame, `(T, 2, 3)`.
        moves: whether it moves by itself.
    """

    sprite: np.ndarray
    outline: np.ndarray
    matrices: np.ndarray
    moves: bool

    @property
    def boxes(self):
        """x1, y1, x2, y2 in every frame, float32 `(T, 4)`."""
        corners = _seen(self.outline[None], self.matrices)
        boxes = [corners.min(axis=1), corners.max(axis=1)]
        return np.concatenate(boxes, axis=1).astype(np.float32)

    def paint(self, picture, number):
        """Draws it into the picture of frame `number`, uint8 `(H, W, 3)`."""
        import cv2

        height, width = picture.shape[:2]
        x1, y1, x2, y2 = self.boxes[number].astype(int) + [-3, -3, 4, 4]
        left, top = max(x1, 0), max(y1, 0)
        size = min(x2, width) - left, min(y2, height) - top
        if min(size) <= 0:
            return
        matrix = self.matrices[number] - [[0, 0, left], [0, 0, top]]
        sprite = cv2.warpAffine(self.sprite, matrix, size)
        part = picture[top : top + size[1], left : left + size[0]]
        part[:] = np.rint(part * (1 - sprite[..., 3:]) + sprite[..., :3])


def draw_thing(rng, footage, *, size, place, path, matrices, moves):
    """A random cut-out.

    Args:
        rng: NumPy random generator.
        footage: tuple of `Footage` that its texture is of.
        size: its longer side in pixels of the camera at rest.
        place: x and y of its middle there, where its path is 0.
        path: its movement `(T, 4)`: pixels right and down, radians, and the logarithm
            of its scale.
        matrices: see `draw_person`.
        moves: whether it does so by itself.

    Returns:
        A `Thing`.
    """
    long, short = size, size * rng.uniform(0.35, 1)
    width, height = (long, short) if rng.uniform() < 0.55 else (short, long)
    outline = _draw_outline(rng, width, height)
    sprite = _cut_out(rng, footage, outline, width, height)
    middle = np.array(sprite.shape[1::-1]) / 2
    turned = np.exp(path[:, 3]) * np.array([np.cos(path[:, 2]), np.sin(path[:, 2])])
    own = np.zeros((len(path), 3, 3))
    own[:, 0, :2] = np.stack([turned[0], -turned[1]], axis=1)
    own[:, 1, :2] = np.stack([turned[1], turned[0]], axis=1)
    own[:, :2, 2] = np.asarray(place) + path[:, :2] - own[:, :2, :2] @ middle
    own[:, 2, 2] = 1
    return Thing(sprite, outline + middle, matrices @ own, moves)


def _draw_outline(rng, width, height):
    """Corners about (0, 0): from an ellipse to a rectangle, with dents."""
    angles = np.linspace(0, 2 * math.pi, CORNERS, endpoint=False)
    power = rng.uniform(0.35, 1.0)  # 1: an ellipse
    cos, sin = np.cos(angles), np.sin(angles)
    points = np.stack(
        [np.sign(cos) * np.abs(cos) ** power, np.sign(sin) * np.abs(sin) ** power], 1
    )
    dents = 1 + rng.uniform(0, 0.25) * np.sin(rng.integers(1, 6) * angles + angles[3])
    points *= dents[:, None]
    points /= np.abs(points).max(axis=0)
    return points * [width / 2, height / 2]


def _cut_out(rng, footage, outline, width, height):
    """The sprite of an outline: texture from elsewhere, lit from above."""
    import cv2

    side = np.ceil([height, width]).astype(int) + 6
    mask = np.zeros(side, np.float32)
    corners = np.rint((outline + side[::-1] / 2 - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(mask, [corners], 1.0, cv2.LINE_8, 4)
    mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 1.2))
    frames = footage[rng.integers(len(footage))].frames
    frame = frames[rng.integers(len(frames))]
    room = np.minimum(frame.shape[:2], np.maximum(side, 24) * rng.integers(1, 4))
    top, left = (
        rng.integers(n - r + 1) for n, r in zip(frame.shape, room, strict=False)
    )
    texture = frame[top : top + room[0], left : left + room[1]]
    texture = cv2.resize(texture, side[::-1].tolist(), interpolation=cv2.INTER_AREA)
    texture = texture.astype(np.float32)
    if rng.uniform() < 0.5:  # most things have one colour
        texture = texture * 0.3 + 0.7 * rng.uniform(10, 245, 3).astype(np.float32)
    light = np.linspace(rng.uniform(1, 1.25), rng.uniform(0.7, 1), side[0])
    texture = np.clip(texture * light[:, None, None].astype(np.float32), 0, 255)
    return np.dstack([texture * mask[..., None], mask])
