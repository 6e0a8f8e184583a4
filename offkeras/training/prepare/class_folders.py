"""Writes rendered clips as video files, a folder a class."""

import itertools
from pathlib import Path

from offkeras.data.parallel import in_threads
from offkeras.inference.progress import progress_bar
from offkeras.video import write_video

FPS = 25


def write_class_folders(out, names, count, clip):
    """Writes the clips that are not there: `out/NAME/0000.mp4` and so on.

    Args:
        out: folder of the class folders.
        names: of the classes.
        count: clips of a class.
        clip: function of a class's name and a clip's number to its frames.
    """
    jobs = [(name, number) for name in names for number in range(count)]
    progress = progress_bar(len(jobs), unit="clips")
    done = itertools.count(1)

    def write(job):
        name, number = job
        target = Path(out) / name / f"{number:04}.mp4"
        if not target.exists():
            write_video(target, clip(name, number), fps=FPS)
        progress(next(done))

    in_threads(write, jobs)
    print(f"{out}: {len(jobs)} clips of {len(names)} classes")
