"""Makes the movers, people and things that move, in the layout of ImageNet VID.

    offkeras prepare movers --backgrounds datasets/photographs/train --out runs/movers

A killed run goes on where it stopped.
"""

import dataclasses

from offkeras.data.synthetic.movers.pairs import SPLITS, movers
from offkeras.training import options
from offkeras.training.options import PrepareOptions, option
from offkeras.training.prepare import snippets


@dataclasses.dataclass(frozen=True)
class Options(PrepareOptions):
    """All defaults."""

    out: str = option("runs/movers", "folder of the dataset")
    backgrounds: str = option("", "folder of photographs beside the sample videos")
    train: int = option(SPLITS["train"][0], "pairs of frames to train on")
    validation: int = option(SPLITS["validation"][0], "pairs to watch")
    test: int = option(SPLITS["test"][0], "pairs to test on")
    seed: int = option(0, "another seed gives other scenes")


@options.bad_input()
def main(argv=None, *, prog=None):
    """Writes frames, annotations and lists."""
    o = options.parse(Options, {}, __doc__, argv, prog)
    snippets.write(movers(o.backgrounds), o)
