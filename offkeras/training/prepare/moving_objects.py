"""Makes the moving objects, a detection dataset in the layout of ImageNet VID.

    offkeras prepare moving_objects --out runs/moving_objects

A killed run goes on where it stopped.
"""

import dataclasses

from offkeras.data.synthetic.moving_objects import MOVING_OBJECTS
from offkeras.training import options
from offkeras.training.options import PrepareOptions, option
from offkeras.training.prepare import snippets

SPLITS = MOVING_OBJECTS.splits


@dataclasses.dataclass(frozen=True)
class Options(PrepareOptions):
    """All defaults."""

    out: str = option("runs/moving_objects", "folder of the dataset")
    train: int = option(SPLITS["train"][0], "training snippets")
    validation: int = option(SPLITS["validation"][0], "validation snippets")
    test: int = option(SPLITS["test"][0], "test snippets")
    seed: int = option(0, "another seed gives other snippets")


@options.bad_input()
def main(argv=None, *, prog=None):
    """Writes snippets, annotations and lists."""
    o = options.parse(Options, {}, __doc__, argv, prog)
    snippets.write(MOVING_OBJECTS, o)
