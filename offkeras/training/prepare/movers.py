"""Makes the movers, people and things that move, in the layout of ImageNet VID.

    offkeras prepare movers --backgrounds datasets/photographs/train --out runs/movers

A killed run goes on where it stopped.
"""

import dataclasses

from offkeras.data.synthetic.movers.pairs import SPLITS, movers
from offkeras.data.synthetic.snippet_files import write_snippets
from offkeras.inference.progress import progress_bar
from offkeras.training import options
from offkeras.training.options import PrepareOptions, option


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
    splits = {
        split: (getattr(o, split), num_frames)
        for split, (_, num_frames) in SPLITS.items()
    }
    write_snippets(
        movers(o.backgrounds),
        o.out,
        splits=splits,
        seed=o.seed,
        workers=o.workers,
        done=progress_bar(o.train + o.validation + o.test, unit="pairs"),
        for_each=o.for_each(),
    )
    print(f"{o.out}: {o.train} + {o.validation} + {o.test} pairs of frames")
