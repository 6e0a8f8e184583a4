"""Random people: bodies and clothes, which the splits do not share."""

import colorsys
import dataclasses

import numpy as np

from offkeras.data.synthetic.human import body
from offkeras.data.synthetic.human.body import Build, Outfit
from offkeras.data.synthetic.human.kinematics import JOINTS, forward

# Numbers of the bodies and outfits of each split; each is drawn from its number.
BODIES = {"train": (0, 400), "validation": (400, 450), "test": (450, 550)}
OUTFITS = {"train": (0, 2000), "validation": (2000, 2200), "test": (2200, 2600)}
BODY, OUTFIT = 11, 12  # set the two apart
SKINS = (
    *((255, 219, 195), (241, 194, 155), (224, 172, 125), (198, 134, 86)),
    *((141, 85, 46), (105, 62, 36), (72, 45, 30)),
)
HAIRS = (
    *((24, 18, 16), (48, 32, 22), (88, 58, 36), (150, 105, 60), (205, 170, 110)),
    *((140, 60, 30), (160, 160, 160)),
)
NEUTRAL = (
    *((20, 20, 24), (235, 235, 230), (120, 120, 122), (70, 70, 75), (28, 36, 66)),
    *((190, 170, 135), (92, 70, 50)),
)
# Of the joint set: hue in degrees, or None for white.
COLOURS = {"red": 0, "yellow": 52, "green": 125, "blue": 225, "white": None}


def draw_build(number):
    """The body of a number."""
    rng = np.random.default_rng([BODY, number])
    tall = rng.uniform(0.84, 1.12)
    return Build(
        height=tall,
        legs=rng.uniform(0.93, 1.07),
        arms=rng.uniform(0.94, 1.06),
        girth=rng.uniform(0.82, 1.4),
        shoulders=rng.uniform(0.85, 1.12),
        hips=rng.uniform(0.9, 1.2),
        head=rng.uniform(0.95, 1.12) / tall**0.5,
    )


def draw_outfit(number, colour=None):
    """The clothes of a number.

    Args:
        number: all that is random depends on it.
        colour: a name in `COLOURS` that shirt and legwear have. Default: any.
    """
    rng = np.random.default_rng([OUTFIT, number])
    shirt, legwear, shoes, stripes = (_colour(rng) for _ in range(4))
    striped = rng.uniform() < 0.3
    if colour is not None:
        shirt, legwear = (_shade(rng, COLOURS[colour]) for _ in range(2))
    return Outfit(
        skin=_near(rng, SKINS[rng.integers(len(SKINS))]),
        hair=_near(rng, HAIRS[rng.integers(len(HAIRS))]),
        shirt=shirt,
        stripes=stripes if striped and colour is None else shirt,
        legwear=legwear,
        shoes=shoes,
        cap=stripes,
        sleeves=body.SLEEVES[rng.integers(len(body.SLEEVES))],
        legs=body.LEGWEARS[rng.choice(len(body.LEGWEARS), p=(0.55, 0.25, 0.2))],
        hairstyle=body.HAIRSTYLES[rng.choice(4, p=(0.12, 0.4, 0.33, 0.15))],
        loose=rng.uniform(0.95, 1.2),
    )


def _colour(rng):
    """Of clothes: often black, white or grey."""
    if rng.uniform() < 0.4:
        return _near(rng, NEUTRAL[rng.integers(len(NEUTRAL))])
    return _hsv(rng.uniform(), rng.uniform(0.3, 0.95), rng.uniform(0.25, 0.95))


def _shade(rng, hue):
    if hue is None:
        return _hsv(rng.uniform(), rng.uniform(0, 0.06), rng.uniform(0.85, 1))
    hue = (hue + rng.uniform(-8, 8)) / 360 % 1
    return _hsv(hue, rng.uniform(0.75, 0.95), rng.uniform(0.6, 0.9))


def _hsv(hue, saturation, value):
    return tuple(
        round(255 * part) for part in colorsys.hsv_to_rgb(hue, saturation, value)
    )


def _near(rng, colour):
    return tuple(int(min(max(part + rng.integers(-12, 13), 0), 255)) for part in colour)


@dataclasses.dataclass(frozen=True, eq=False)
class Person:
    """Someone with a body and clothes, limb by limb.

    Attributes:
        build: the `Build`.
        joints: whose frames the ends of the limbs are given in, `(P, 2)`.
        points: the ends, `(P, 2, 3)` in metres.
        radii: `(P, 2)` in metres.
        cut: see `drawing.Flat`, as are the others.
        heights: `(P, 2)`.
        colours: uint8 `(P, 3)`.
        stripes: uint8 `(P, 3)`.
    """

    build: Build
    joints: np.ndarray
    points: np.ndarray
    radii: np.ndarray
    cut: np.ndarray
    heights: np.ndarray
    colours: np.ndarray
    stripes: np.ndarray

    def ends(self, root, rotations):
        """Both ends of the limbs in poses, a pair of `(T, P, 3)`."""
        positions, frames = forward(
            root * self.build.root, rotations, self.build.offsets()
        )
        return tuple(
            positions[:, self.joints[:, end]]
            + (frames[:, self.joints[:, end]] @ self.points[:, end, :, None])[..., 0]
            for end in (0, 1)
        )


def make_person(build, outfit):
    """A `Person` of a `Build` in an `Outfit`."""
    limbs = list(body.limbs(build, outfit))
    materials = np.array([limb.material for limb in limbs])
    palette = outfit.colours()
    striped = np.where(materials == body.SHIRT, body.STRIPES, materials)
    return Person(
        build=build,
        joints=np.array([[JOINTS.index(name) for name in x.joints] for x in limbs]),
        points=np.array([limb.points for limb in limbs]),
        radii=np.array([limb.radii for limb in limbs]),
        cut=np.array([limb.cut for limb in limbs]),
        heights=np.array([limb.heights for limb in limbs]),
        colours=palette[materials],
        stripes=palette[striped],
    )


def draw_person(rng, split, colour=None):
    """A random person of a split; `colour`: see `draw_outfit`."""
    build = draw_build(int(rng.integers(*BODIES[split])))
    return make_person(build, draw_outfit(int(rng.integers(*OUTFITS[split])), colour))
