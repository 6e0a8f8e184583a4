"""What a person looks like: a build, clothes, and the limbs that they make.

A person is a list of limbs: each a ball of some radius that goes from one point to
another and may change its radius on the way. Points are given in the frames of joints,
see `kinematics`; x is forward, y up, z to the right.
"""

import dataclasses

import numpy as np

from offkeras.data.synthetic.human.kinematics import JOINTS, OFFSETS

# What a limb is made of: an index into `Person.colours`.
SKIN, HAIR, SHIRT, STRIPES, LEGWEAR, SHOES, CAP = range(7)
SLEEVES = ("none", "short", "long")
LEGWEARS = ("trousers", "shorts", "skirt")
HAIRSTYLES = ("bald", "short", "long", "cap")
LEG = ("right_knee", "right_ankle", "left_knee", "left_ankle")
ARM = ("right_elbow", "right_wrist", "left_elbow", "left_wrist")


@dataclasses.dataclass(frozen=True)
class Build:
    """Proportions of a body, each against those of the skeleton."""

    height: float = 1.0
    legs: float = 1.0
    arms: float = 1.0
    girth: float = 1.0
    shoulders: float = 1.0
    hips: float = 1.0
    head: float = 1.0

    def offsets(self):
        """Offsets of the joints from their parents, `(15, 3)` in metres."""
        offsets = OFFSETS.copy()
        for names, factor in ((LEG, self.legs), (ARM, self.arms)):
            for name in names:
                offsets[JOINTS.index(name)] *= factor
        for side in ("right", "left"):
            offsets[JOINTS.index(f"{side}_shoulder"), 2] *= self.shoulders
            offsets[JOINTS.index(f"{side}_hip"), 2] *= self.hips
        return offsets * self.height

    @property
    def root(self):
        """Of the root's path: longer legs are higher above ground, and go farther."""
        return self.height * self.legs


@dataclasses.dataclass(frozen=True)
class Outfit:
    """Clothes, hair and skin; colours are R, G, B."""

    skin: tuple
    hair: tuple
    shirt: tuple
    stripes: tuple  # the shirt's own colour: none
    legwear: tuple
    shoes: tuple
    cap: tuple
    sleeves: str = "short"
    legs: str = "trousers"
    hairstyle: str = "short"
    loose: float = 1.0  # girth of clothes

    def colours(self):
        """uint8 `(7, 3)`, in the order of the materials."""
        fields = (self.skin, self.hair, self.shirt, self.stripes)
        fields += (self.legwear, self.shoes, self.cap)
        return np.array(fields, np.uint8)


@dataclasses.dataclass(frozen=True)
class Limb:
    """A limb from a point in one joint's frame to a point in another's.

    Attributes:
        joints: names of the two joints.
        points: x, y, z in their frames, in metres.
        radii: at both ends, in metres.
        material: one of the numbers above.
        heights: along the shirt at both ends, which stripes follow.
        cut: whether the second end is cut off straight, as a sleeve is.
    """

    joints: tuple
    points: tuple
    radii: tuple
    material: int
    heights: tuple = (0.0, 0.0)
    cut: bool = False


def limbs(build, outfit):
    """All limbs of a person."""
    found = [*_head(build, outfit), *_torso(build, outfit)]
    for side, sign in (("right", 1), ("left", -1)):
        found += _arm(side, build, outfit)
        found += _leg(side, sign, build, outfit)
    return found


def _head(build, outfit):
    size = build.height * build.head

    def at(x, y, z=0.0):
        return (x * size, y * size, z * size)

    def on_neck(first, second, radii, material):
        scaled = tuple(radius * size for radius in radii)
        return Limb(("neck", "neck"), (at(*first), at(*second)), scaled, material)

    yield on_neck((0.0, -0.06), (0.005, 0.06), (0.056, 0.05), SKIN)
    # The face is longer than wide, and the chin narrower than the skull.
    yield on_neck((0.0, 0.15), (0.03, 0.085), (0.092, 0.06), SKIN)
    yield on_neck((0.085, 0.115), (0.095, 0.105), (0.014, 0.016), SKIN)  # nose
    if outfit.hairstyle == "bald":
        return
    top = CAP if outfit.hairstyle == "cap" else HAIR
    yield on_neck((-0.022, 0.165), (0.008, 0.185), (0.096, 0.082), top)
    yield on_neck((-0.045, 0.12), (-0.04, 0.07), (0.07, 0.05), HAIR)
    if outfit.hairstyle == "long":
        for side in (1, -1):
            yield on_neck(
                (-0.05, 0.14, 0.045 * side),
                (-0.06, -0.07, 0.05 * side),
                (0.06, 0.04),
                HAIR,
            )
    if outfit.hairstyle == "cap":
        yield on_neck((0.06, 0.18), (0.125, 0.165), (0.05, 0.03), CAP)


def _torso(build, outfit):
    size, wide = build.height, build.height * build.girth * outfit.loose
    across = build.height * build.shoulders

    def pair(joints, first, second, radii, material, heights, cut=False):
        """A limb on either side, or one in the middle."""
        for side in (1, -1) if first[2] else (1,):
            points = tuple(
                (x * size, y * size, z * across * side) for x, y, z in (first, second)
            )
            scaled = tuple(radius * wide for radius in radii)
            yield Limb(joints, points, scaled, material, heights, cut)

    chest = ("chest", "chest")
    for z, first, second in ((0.062, 0.098, 0.1), (0.0, 0.09, 0.092)):
        yield from pair(
            ("chest", "root"),
            (0.005, 0.14, z),
            (0.0, -0.01, 0.9 * z),
            (first, second),
            SHIRT,
            (0.36, 0.0),
            cut=True,
        )
    yield from pair(
        chest, (0.0, 0.12, 0.075), (-0.005, 0.2, 0.1), (0.1, 0.075), SHIRT, (0.36, 0.44)
    )
    # From the neck to the shoulder.
    yield from pair(
        chest,
        (-0.01, 0.235, 0.03),
        (-0.02, 0.225, 0.15),
        (0.06, 0.055),
        SHIRT,
        (0.5, 0.5),
    )
    hips = size * build.hips
    seat = tuple((-0.01 * size, -0.025 * size, z * hips) for z in (0.055, -0.055))
    yield Limb(("root", "root"), seat, (0.104 * wide, 0.104 * wide), LEGWEAR)


def _arm(side, build, outfit):
    size = build.height
    arm = size * build.arms
    girth = size * (0.5 + 0.5 * build.girth)
    sleeve = girth * outfit.loose
    shoulder, elbow, wrist = (
        f"{side}_{name}" for name in ("shoulder", "elbow", "wrist")
    )
    zero, low = (0.0, 0.0, 0.0), (0.0, -0.275 * arm, 0.0)
    upper, lower = (shoulder, shoulder), (elbow, wrist)
    bare = outfit.sleeves != "long"
    yield Limb(
        upper, (zero, low), (0.05 * girth, 0.04 * girth), SKIN if bare else SHIRT
    )
    yield Limb(
        lower, (zero, zero), (0.041 * girth, 0.03 * girth), SKIN if bare else SHIRT
    )
    hand = (0.0, -0.085 * arm, 0.0)
    yield Limb((wrist, wrist), (zero, hand), (0.036 * size, 0.027 * size), SKIN)
    if outfit.sleeves == "none":
        return
    if outfit.sleeves == "short":
        half = (0.0, -0.15 * arm, 0.0)
        yield Limb(
            upper,
            (zero, half),
            (0.062 * sleeve, 0.058 * sleeve),
            SHIRT,
            (0.5, 0.3),
            True,
        )
    else:
        yield Limb(
            upper, (zero, low), (0.062 * sleeve, 0.051 * sleeve), SHIRT, (0.5, 0.25)
        )
        yield Limb(
            lower, (zero, zero), (0.05 * sleeve, 0.041 * sleeve), SHIRT, (0.25, 0.0)
        )


def _leg(side, sign, build, outfit):
    size = build.height
    leg = size * build.legs
    girth = size * (0.35 + 0.65 * build.girth)
    cloth = girth * outfit.loose
    hip, knee, ankle = (f"{side}_{name}" for name in ("hip", "knee", "ankle"))
    zero = (0.0, 0.0, 0.0)
    calf = (-0.012 * size, -0.11 * leg, 0.0)
    trousers = outfit.legs == "trousers"
    material, width = (LEGWEAR, cloth * 1.06) if trousers else (SKIN, girth)
    yield Limb((hip, knee), (zero, zero), (0.088 * width, 0.058 * width), material)
    yield Limb((knee, knee), (zero, calf), (0.056 * width, 0.056 * width), material)
    ends = (0.056 * width, (0.05 if trousers else 0.036) * width)
    yield Limb((knee, ankle), (calf, zero), ends, material)
    if outfit.legs == "shorts":
        low = (0.0, -0.33 * leg, 0.0)
        ends = (0.096 * cloth, 0.085 * cloth)
        yield Limb((hip, hip), (zero, low), ends, LEGWEAR, cut=True)
    elif outfit.legs == "skirt":
        # Towards the middle, so that both halves are one skirt.
        low = (0.0, -0.36 * leg, -0.02 * sign * size)
        ends = (0.1 * cloth, 0.15 * cloth)
        yield Limb((hip, hip), (zero, low), ends, LEGWEAR, cut=True)
    heel = (-0.035 * size, -0.045 * size, 0.0)
    toe = (0.135 * size, -0.055 * size, 0.0)
    yield Limb((ankle, ankle), (heel, toe), (0.044 * size, 0.032 * size), SHOES)
