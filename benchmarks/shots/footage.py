"""Videos whose cuts are known, made of stretches of the sample videos."""

import functools
import random

import cv2
import numpy as np

from offkeras import data
from offkeras.data.synthetic import moving_windows

FPS, HEIGHT, WIDTH = 25, 180, 320
LENGTHS = (20, 60)  # frames of a shot
SHOTS = 6  # in a video
# Sample video -> first frames of its scenes, found by eye, and its end.
SCENES = {
    "bikes.mp4": (0, 30, 76, 137, 187, 242, 250),
    "bigbuckbunny.mp4": (0, 132),
    "carphone_pristine.mp4": (0, 120),
}
APART = 15  # frames that a jump within a scene leaves out, at least
BLEND = (6, 20)  # frames of a fade or of a dissolve


@functools.cache
def scenes():
    """Frames of every scene by its video and first frame, in the size of all."""
    found = {}
    for name, firsts in SCENES.items():
        frames = [
            cv2.resize(frame, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
            for _, frame in data.iterate_frames(data.sample_video(name))
        ]
        for first, end in zip(firsts, firsts[1:], strict=False):
            if end - first > LENGTHS[0]:
                found[name, first] = np.stack(frames[first:end])
    return found


def stretch(rng, scene, shortest=LENGTHS[0]):
    """Some frames of a scene in a row."""
    length = min(rng.randint(shortest, LENGTHS[1]), len(scene))
    first = rng.randint(0, len(scene) - length)
    return scene[first : first + length]


def joined(shots):
    """The frames of shots, and where each but the first begins."""
    return np.concatenate(shots), list(np.cumsum([len(s) for s in shots])[:-1])


def other_scenes(rng, shortest=LENGTHS[0]):
    """Shots of other scenes."""
    keys = [key for key, scene in scenes().items() if len(scene) > shortest]
    shots, last = [], None
    for _ in range(SHOTS):
        last = rng.choice([key for key in keys if key != last])
        shots.append(stretch(rng, scenes()[last], shortest))
    return joined(shots)


def one_scene(rng):
    """Jumps within a scene: what comes next is another part of it."""
    scene = rng.choice([s for s in scenes().values() if len(s) > 2 * LENGTHS[0]])
    shots, last = [], -len(scene)
    while len(shots) < SHOTS:
        length = rng.randint(8, LENGTHS[0])
        first = rng.randint(0, len(scene) - length)
        if abs(first - last) >= APART:
            shots.append(scene[first : first + length])
            last = first + length
    return joined(shots)


def moved(rng):
    """Shots by a camera that pans, tilts, zooms, rolls or rests."""
    return joined(
        [_window(rng, rng.choice(list(moving_windows.MOTIONS))) for _ in range(SHOTS)]
    )


def whip_pans(rng):
    """Shots by a camera that pans across the picture in a quarter of a second."""
    shots = []
    for _ in range(SHOTS):
        pan = rng.choice(("pan_left", "pan_right"))
        shots.append(_window(rng, pan, pan=rng.randint(5, 9)))
    return joined(shots)


def _window(rng, motion, pan=None):
    """A shot by a camera that moves over a scene; a fast one rests before and after."""
    scene = scenes()[rng.choice(list(scenes()))]
    frames = stretch(rng, scene)
    count = len(frames) if pan is None else pan
    path = moving_windows.path(
        moving_windows.MOTIONS[motion], HEIGHT, WIDTH, count, rng.random()
    )
    rest = (len(frames) - count) // 2
    places = [min(max(i - rest, 0), count - 1) for i in range(len(frames))]
    return np.stack(
        [
            moving_windows.render(frame, path[place], HEIGHT)
            for frame, place in zip(frames, places, strict=True)
        ]
    )


def flashes(rng):
    """As `other_scenes`, with a flash of one to four frames in every shot."""
    frames, cuts = other_scenes(rng)
    frames = frames.copy()
    for first, end in zip([0, *cuts], [*cuts, len(frames)], strict=True):
        length = rng.randint(1, 4)
        start = rng.randint(first + 7, end - length - 7)
        white = rng.uniform(0.4, 1)
        for number in range(length):  # it fades, as a flash does
            share = white * (1 - number / (2 * length))
            frame = frames[start + number]
            frames[start + number] = frame + (share * (255 - frame)).astype(np.uint8)
    return frames, cuts


def fades(rng):
    """Shots that fade to black and from it: a cut is where black ends."""
    shots, cuts = [], []
    firsts = 0
    for number, shot in enumerate(_parts(rng)):
        shot = shot.astype(np.float32)
        steps = rng.randint(*BLEND)
        ramp = np.linspace(0, 1, steps)[:, None, None, None]
        if number:
            shot[:steps] *= ramp
            cuts.append(firsts)
        if number < SHOTS - 1:
            shot[-steps:] *= ramp[::-1]
        shots.append(shot.astype(np.uint8))
        firsts += len(shot)
    return np.concatenate(shots), cuts


def dissolves(rng):
    """Shots that melt into each other: a cut is the middle of that."""
    parts = [part.astype(np.float32) for part in _parts(rng)]
    frames, cuts = parts[0], []
    for part in parts[1:]:
        steps = rng.randint(*BLEND)
        ramp = np.linspace(0, 1, steps)[:, None, None, None]
        melted = frames[-steps:] * (1 - ramp) + part[:steps] * ramp
        cuts.append(len(frames) - steps // 2)
        frames = np.concatenate([frames[:-steps], melted, part[steps:]])
    return frames.astype(np.uint8), cuts


def _parts(rng):
    """Shots of other scenes that are long enough to blend."""
    frames, cuts = other_scenes(rng, 2 * BLEND[1] + 1)
    return np.split(frames, cuts)


KINDS = {
    function.__name__: function
    for function in (
        other_scenes,
        one_scene,
        moved,
        whip_pans,
        flashes,
        fades,
        dissolves,
    )
}


def make(kind, number):
    """Frames of a video, and where its shots but the first begin.

    Args:
        kind: key of `KINDS`.
        number: all that is random depends on it.
    """
    return KINDS[kind](random.Random(f"{kind} {number}"))
