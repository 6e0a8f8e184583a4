"""Movers: detection of whatever moves by itself, without a download.

A snippet is two frames of a scene, from `GAPS` seconds apart; what moves in the second
one is to be found. There is one class.
"""

import functools
import threading

import numpy as np

from offkeras.data.detection.annotation import Annotation
from offkeras.data.synthetic.human import backgrounds
from offkeras.data.synthetic.movers.scenes import draw_scene
from offkeras.data.synthetic.snippet_files import SnippetSet

NAME = "mover"
HEIGHT, WIDTH = 288, 384
GAPS = (0.08, 0.16)  # seconds from the first frame to the second
FOOTAGE_HEIGHT = 2.0  # of the backgrounds, in heights of a frame
SPLITS = {"train": (6000, 2), "validation": (200, 2), "test": (400, 2)}
_LOCK = threading.Lock()  # footage is read once


def load_footage(folder, split, height=HEIGHT):
    """Backgrounds of a split: sample videos, and what a folder has beside them.

    Args:
        folder: photographs and videos, see `backgrounds.load_folder`; "" for none.
        split: `"train"`, `"validation"` or `"test"`.
        height: of the frames that they are for, in pixels.

    Returns:
        A tuple of `Footage`.
    """
    height = round(height * FOOTAGE_HEIGHT)
    footage = backgrounds.load_samples(split, height)
    if folder:
        footage += backgrounds.load_folder(str(folder), split, height)
    return footage


def movers(folder=""):
    """The set, over the backgrounds of a folder beside the sample videos."""
    return SnippetSet(
        "movers",
        {NAME: NAME},
        splits=SPLITS,
        render=functools.partial(_render, folder=str(folder)),
        last_only=True,
        settings={"backgrounds": str(folder)},
    )


def _render(split, rng, num_frames, *, folder):
    with _LOCK:
        footage = load_footage(folder, split)
    times = np.arange(num_frames) * rng.uniform(*GAPS)
    size = HEIGHT, WIDTH
    scene = draw_scene(rng, footage, split=split, times=times, size=size)
    frames = np.stack([scene.frame(number) for number in range(num_frames)])
    truths = []
    for number in range(num_frames):
        boxes, tracks = scene.boxes(number)
        names = (NAME,) * len(boxes)
        truths.append(Annotation(size, names, boxes.round(), tracks))
    return frames, truths, None
