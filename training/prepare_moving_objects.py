"""Makes the moving objects, a detection dataset in the layout of ImageNet VID.

    python -m training.prepare_moving_objects --out runs/moving_objects

A killed run goes on where it stopped.
"""

import dataclasses
import functools
import os

import keras

from offkeras.data import beam
from offkeras.data.moving_objects_files import SPLITS, write_moving_objects
from training import options
from training.options import option


@dataclasses.dataclass(frozen=True)
class Options:
    """All defaults."""

    out: str = option("runs/moving_objects", "folder of the dataset")
    train: int = option(SPLITS["train"][0], "training snippets")
    validation: int = option(SPLITS["validation"][0], "validation snippets")
    test: int = option(SPLITS["test"][0], "test snippets")
    seed: int = option(0, "another seed gives other snippets")
    workers: int = option(os.cpu_count() or 1, "snippets at a time")
    beam: str = option(
        "", "instead of local workers an Apache Beam pipeline: '--runner=DirectRunner'"
    )


@options.bad_input()
def main(argv=None):
    """Writes snippets, annotations and lists."""
    o = options.parse(Options, {}, description=__doc__.splitlines()[0], argv=argv)
    splits = {
        split: (getattr(o, split), num_frames)
        for split, (_, num_frames) in SPLITS.items()
    }
    progress = keras.utils.Progbar(o.train + o.validation + o.test, unit_name="snippet")
    write_moving_objects(
        o.out,
        splits=splits,
        seed=o.seed,
        workers=o.workers,
        done=progress.update,
        for_each=functools.partial(beam.for_each, options=o.beam) if o.beam else None,
    )
    print(f"{o.out}: {o.train} + {o.validation} + {o.test} snippets")


if __name__ == "__main__":
    main()
