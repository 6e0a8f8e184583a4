"""The classes: which performance shows an action, which part of it, in which direction.

Two classes of a pair, such as getting up and lying down, differ in the direction of
time alone: the frames of a clip of the one, in reverse order, are one of the other's.
"""

import dataclasses
import math

import numpy as np

from offkeras.data.synthetic.human.motions import load_motions

FORWARD, BACKWARD, HELD, TO_AND_FRO = "forward", "backward", "held", "to and fro"
SPEEDS = (0.75, 1.3)
SWAY = 0.03  # seconds of the motion that one who stands moves to and fro in


@dataclasses.dataclass(frozen=True)
class Action:
    """A class.

    Attributes:
        parts: of motions, `(name, first, last)`: where the middle of a clip may be,
            as shares of the motion's duration.
        time: how time runs, one of the four above.
    """

    parts: tuple
    time: str = FORWARD


WALK = tuple(
    (name, 0.0, 1.0)
    for name in (
        *("walk", "walk_forward"),
        *("turn_left0", "turn_left1", "turn_right0", "turn_right1"),
    )
)
CRAWL = (("crawl", 0.0, 1.0),)
ROLL = (("roll", 0.2, 0.6),)
FROM_BACK = (("getup_faceup", 0.15, 0.85),)
FROM_FRONT = (("getup_facedown", 0.25, 0.85),)
# Poses of people who stand on both feet; in walking there are many.
STANDING = (
    *(("jump", 0.0, 0.05), ("backflip", 0.0, 0.03), ("roll", 0.0, 0.03)),
    *(("cartwheel", 0.0, 0.04), ("spin", 0.0, 0.05), ("getup_faceup", 0.98, 1.0)),
    *(("getup_facedown", 0.98, 1.0), ("punch", 0.0, 0.1), ("kick", 0.0, 0.1)),
    *(("walk", 0.0, 1.0), ("walk_forward", 0.0, 1.0), ("dance_b", 0.0, 0.1)),
)
ACTIONS = {
    "walk": Action(WALK),
    "walk_backward": Action(WALK, BACKWARD),
    "run": Action((("run", 0.0, 1.0),)),
    "crawl": Action(CRAWL),
    "crawl_backward": Action(CRAWL, BACKWARD),
    "roll": Action(ROLL),
    "roll_backward": Action(ROLL, BACKWARD),
    "get_up_from_back": Action(FROM_BACK),
    "lie_down_on_back": Action(FROM_BACK, BACKWARD),
    "get_up_from_front": Action(FROM_FRONT),
    "lie_down_on_front": Action(FROM_FRONT, BACKWARD),
    "kick": Action((("kick", 0.35, 0.65),)),
    "spin_kick": Action((("spinkick", 0.3, 0.75),)),
    "punch": Action((("punch", 0.28, 0.45),)),
    "jump": Action((("jump", 0.3, 0.65),)),
    "cartwheel": Action((("cartwheel", 0.3, 0.7),)),
    "backflip": Action((("backflip", 0.35, 0.6),)),
    "spin": Action((("spin", 0.2, 0.6),)),
    "dance": Action((("dance_a", 0.0, 1.0), ("dance_b", 0.0, 1.0))),
    "stand": Action(STANDING, HELD),
}
# What one frame cannot tell: each pose is as likely in all four.
RISING = {
    "gets_up": Action(FROM_BACK + FROM_FRONT),
    "lies_down": Action(FROM_BACK + FROM_FRONT, BACKWARD),
    "rises_and_sinks": Action(FROM_BACK + FROM_FRONT, TO_AND_FRO),
    "holds_still": Action(FROM_BACK + FROM_FRONT, HELD),
}


def draw_performance(rng, action, times):
    """A random performance of an action.

    The same draws of a forward and of a backward action give the same poses, where
    `times` are even about 0, in opposite order.

    Args:
        rng: NumPy random generator.
        action: the `Action`.
        times: of the frames in seconds, 0 in the middle of the clip, `(T,)`.

    Returns:
        The `Motion`, and the times of the poses in it, `(T,)`.
    """
    name, first, last = action.parts[rng.integers(len(action.parts))]
    motion = load_motions()[name]
    middle = rng.uniform(first, last) * motion.duration
    speed = rng.uniform(*SPEEDS)
    chosen, phase = rng.uniform(), rng.uniform(0, 2 * math.pi)
    span = speed * times
    if action.time == BACKWARD:
        span = -span
    elif action.time == TO_AND_FRO:
        span = _to_and_fro(span, chosen)
    elif action.time == HELD:
        # One of the moments that a forward clip would have shown.
        held = span[min(int(chosen * len(span)), len(span) - 1)]
        span = held + SWAY * np.sin(2.5 * times + phase)
    return motion, middle + span


def _to_and_fro(span, chosen):
    """Times that turn round once, and are as often in every part of the clip."""
    first, last = span.min(), span.max()
    length = max(last - first, 1e-9)
    # A triangle wave twice as fast, from a random part of it.
    part = 2 * (span - first) / length
    part = (part + 2 * chosen) % 2
    return first + length * np.minimum(part, 2 - part)
