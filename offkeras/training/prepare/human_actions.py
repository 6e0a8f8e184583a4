"""Writes clips of human actions, a folder per class.

    offkeras prepare human_actions --out runs/people
    offkeras prepare human_actions --out runs/people_test --subset test --clips 20
    offkeras train runs/people --output runs/human_actions

The clips of `--subset test` show other people in other places, from between the
viewpoints of training.
"""

import dataclasses
import itertools

import numpy as np

from offkeras.data.pydataset.draws import RENDERED
from offkeras.training import options
from offkeras.training.actions.data import PEOPLE
from offkeras.training.options import option
from offkeras.training.prepare.class_folders import FPS, write_class_folders
from offkeras.video import write_video


@dataclasses.dataclass(frozen=True)
class Options:
    """All defaults."""

    out: str = option("runs/human_actions", "folder of the class folders")
    set: str = option("human_actions", "actions, or clothes x motions", choices=PEOPLE)
    subset: str = option("train", "which people and places", choices=RENDERED)
    classes: str = option("", "some of the classes; default: all")
    backgrounds: str = option(
        "", "folder of photographs and videos; default: sample videos"
    )
    reel: str = option("", "instead of folders: one video, a clip of each class")
    clips: int = option(60, "clips of a class", least=1)
    frames: int = option(32, "frames of a clip", least=2)
    size: int = option(160, "height and width in pixels", least=32)
    seed: int = option(0, "another seed gives other clips", least=0)


@options.bad_input()
def main(argv=None, *, prog=None):
    """Writes the clips that are not there."""
    o = options.parse(Options, {}, __doc__, argv, prog)
    clips = PEOPLE[o.set].open(backgrounds=o.backgrounds or None)
    classes = o.classes.split(",") if o.classes else list(clips.class_names)
    unknown = [name for name in classes if name not in clips.class_names]
    if unknown:
        raise ValueError(
            f"Expected --classes among {', '.join(clips.class_names)}. "
            f"Received: {unknown[0]!r}."
        )
    times = (np.arange(o.frames) - (o.frames - 1) / 2) / FPS

    def clip(name, number):
        label = clips.class_names.index(name)
        drawn = clips.draw(
            [o.seed, RENDERED[o.subset], label, number],
            label,
            subset=o.subset,
            times=times,
            size=o.size,
        )
        return (drawn.frame(index) for index in range(o.frames))

    if o.reel:
        frames = itertools.chain.from_iterable(clip(name, 0) for name in classes)
        write_video(o.reel, frames, fps=FPS)
        print(f"{o.reel}: {', '.join(classes)}")
    else:
        write_class_folders(o.out, classes, o.clips, clip)
