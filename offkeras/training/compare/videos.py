"""The videos of a comparison, and who sees which of them."""

import dataclasses
import os

import numpy as np

from offkeras import data
from offkeras.training import options
from offkeras.training.actions.data import mirrored_pair, open_class_folder
from offkeras.training.folder import clips

PURPOSES = {
    clips.TRAIN: "to train on",
    clips.HELD_OUT: "to choose the epoch by",
    clips.TEST: "to test on",
}


@dataclasses.dataclass(frozen=True)
class Videos:
    """All videos.

    Attributes:
        own: `ClassFolder` to train on, and to test on where there is no other.
        test: that of a test of its own, or None.
    """

    own: data.ClassFolder
    test: data.ClassFolder | None

    @property
    def all(self):
        """The `ClassFolder`s there are."""
        return (self.own, self.test) if self.test else (self.own,)

    @property
    def files(self):
        """Pairs of a path and a size in bytes."""
        of_test = self.test.files if self.test else ()
        return (*self.own.files, *((f"test: {name}", size) for name, size in of_test))

    def split(self, o):
        """Who sees which: each seed has a split of its own.

        Args:
            o: options with `seed`, `test_fraction` and `validation_fraction`.

        Returns:
            Dict of `ClassFolder`: `"train"`, `"held_out"`, `"test"`.
        """
        rest, test = self.own, self.test
        if test is None:
            rest, test = rest.split(o.test_fraction, seed=o.seed)
        train, held_out = rest.split(o.validation_fraction, seed=o.seed)
        return {clips.TRAIN: train, clips.HELD_OUT: held_out, clips.TEST: test}


@options.bad_input()
def open_videos(o):
    """Opens and checks them, and says what there is.

    Args:
        o: options with `data`, `test`, `on_error`, `flip`, `test_fraction` and
            `validation_fraction`.

    Raises:
        SystemExit: if there are too few of a class, or the test has a video that is
            trained on.
    """
    if not o.data:
        raise ValueError("Expected a folder of class folders: offkeras compare FOLDER.")
    if not 0 < o.test_fraction < 1:
        raise ValueError(
            f"Expected --test-fraction between 0 and 1. Received: {o.test_fraction}."
        )
    own, test = open_class_folder(o), None
    names = own.class_names
    if len(names) < 2:
        raise ValueError(
            f"Expected at least two class folders in {o.data}. "
            f"Received: {', '.join(names)}."
        )
    if o.test:
        test = data.ClassFolder.open(o.test, class_names=names, on_error=o.on_error)
        for path, reason in test.skipped:
            print(f"skipped {path}: {reason}")
        _check_apart(own, test)
    counts = np.bincount(own.labels, minlength=len(names))
    least, purposes = (2, "") if test else (3, ", to test on")
    if counts.min() < least:
        raise ValueError(
            f"Expected at least {least} videos of every class in {o.data}: to train "
            f"on, to choose the epoch by{purposes}. Received: {counts.min()} of "
            f"{names[int(counts.argmin())]}."
        )
    videos = Videos(own, test)
    parts = videos.split(o.of_seed(o.seeds[0]))
    counts = [f"{len(parts[name])} {does}" for name, does in PURPOSES.items()]
    print(f"Videos of {len(names)} classes: {', '.join(counts)}")
    pair = mirrored_pair(names)
    if pair and o.flip == "auto":
        print(f"No clip is mirrored: {pair[0]} and {pair[1]} would be exchanged.")
    return videos


def _check_apart(own, test):
    trained = {os.path.realpath(path) for path in own.paths}
    both = [path for path in test.paths if os.path.realpath(path) in trained]
    if both:
        raise ValueError(
            f"Expected other videos in --test {test.root} than in {own.root}. "
            f"Received: {len(both)} of both, the first of them {both[0]}."
        )
