"""Random clips of people: who, where, seen from where, by what camera.

A clip has three sources of random numbers of its own: the action, the camera, and all
else. So the camera knows nothing of the action.
"""

import dataclasses
import math

import numpy as np

from offkeras.data.synthetic.human import cast, finishing
from offkeras.data.synthetic.human.backgrounds import Backdrop, draw_backdrop
from offkeras.data.synthetic.human.camera import Path, View, draw_path, draw_view
from offkeras.data.synthetic.human.drawing import Flat, Light, draw
from offkeras.data.synthetic.human.finishing import Finish

ACTION, CAMERA, REST = range(3)
COMPANIONS, OBJECTS = 0.2, 0.2  # of clips have a second person, a moving object
LOWEST_SHADOWS = math.radians(3)  # of the camera: from lower it sees none


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """A clip before it is drawn.

    Attributes:
        size: height and width in pixels.
        times: of its frames in seconds, 0 in the middle, `(T,)`.
        backdrop: the `Backdrop`.
        view: the `View`.
        path: the `Path` of the camera.
        matrices: what it does to a picture at rest, `(T, 2, 3)`.
        people: the `Flat` of all that is drawn.
        shadows: on the ground, as `finishing.cast_shadow` takes them.
        light: the `Light`.
        finish: the `Finish`.
    """

    size: int
    times: np.ndarray
    backdrop: Backdrop
    view: View
    path: Path
    matrices: np.ndarray
    people: Flat
    shadows: list
    light: Light
    finish: Finish

    def frame(self, number):
        """One of its frames, uint8 RGB `(size, size, 3)`."""
        time = self.times[number] - self.times[0]
        picture = self.backdrop.frame(time, self.matrices[number], self.size)
        for shadow in self.shadows:
            finishing.cast_shadow(picture, shadow, number, self.finish.shadow)
        draw(picture, self.people, number, self.light)
        return self.finish.apply(picture, number)

    def render(self):
        """All frames, uint8 `(T, size, size, 3)`."""
        return np.stack([self.frame(number) for number in range(len(self.times))])


def draw_clip(seed, action, *, split, footage, times, size, colour=None):
    """A random clip.

    Args:
        seed: list of integers that all that is random depends on.
        action: the `Action`.
        split: `"train"`, `"validation"` or `"test"`.
        footage: tuple of `Footage` of the split.
        times: of the frames in seconds, 0 in the middle, `(T,)`.
        size: height and width in pixels.
        colour: see `people.draw_outfit`.

    Returns:
        A `Clip`.
    """
    of_action, of_camera, rng = (
        np.random.default_rng([*seed, number]) for number in (ACTION, CAMERA, REST)
    )
    view = draw_view(of_camera, split, size)
    path = draw_path(of_camera, times, size)
    light = draw_light(rng)
    actor = cast.draw_actor(of_action, rng, action, split, times, colour)
    stage = cast.draw_stage(rng, view, path, size, actor)
    flat = actor.flatten(stage)
    shadows = [actor.shadow(stage, light)]
    if rng.uniform() < COMPANIONS:
        companion = cast.draw_companion(rng, stage, split, times)
        flat = flat.join(companion.flatten(stage))
        shadows.append(companion.shadow(stage, light))
    if rng.uniform() < OBJECTS:
        flat = flat.join(cast.draw_object(rng, stage, times))
    backdrop = draw_backdrop(rng, footage, size)
    return Clip(
        size=size,
        times=times,
        backdrop=backdrop,
        view=view,
        path=path,
        matrices=path.matrices(size),
        people=flat,
        shadows=shadows if view.pitch > LOWEST_SHADOWS else [],
        light=_lit_like(rng, light, backdrop),
        finish=finishing.draw_finish(rng, size),
    )


def draw_light(rng):
    """From above, from any side but from behind."""
    x, y, z = rng.uniform(-0.9, 0.9), rng.uniform(-1, -0.35), rng.uniform(0.15, 0.9)
    length = math.sqrt(x * x + y * y + z * z)
    return Light(
        direction=(x / length, y / length, z / length),
        ambient=rng.uniform(0.65, 0.9),
        diffuse=rng.uniform(0.2, 0.55),
    )


def _lit_like(rng, light, backdrop):
    """The light with some of the brightness and colour of what is behind."""
    mean = backdrop.footage.frames[backdrop.first, ::8, ::8].mean(axis=(0, 1))
    tint = 1 + rng.uniform(0.1, 0.5) * (np.clip(mean, 70, 190) / 120 - 1)
    return dataclasses.replace(light, tint=tuple(np.round(tint, 3).tolist()))
