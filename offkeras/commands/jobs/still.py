"""`--skip-still` of a command, and how much of a video it saved."""

import sys

from offkeras.inference.progress import clear


def add_skip_still(parser):
    """The option."""
    from offkeras.inference.stillness import LEVELS

    parser.add_argument(
        "--skip-still",
        type=float,
        nargs="?",
        const=LEVELS,
        metavar="LEVELS",
        help="repeat the last answer where nothing has moved by this many levels of "
        f"255, in place of asking the network (default: {LEVELS:g})",
    )


class Skipped:
    """Counts what was repeated in place of computed.

    Args:
        what: is counted, such as `"frames"`.
    """

    def __init__(self, what):
        self.what, self.repeated, self.total = what, 0.0, 0

    def add(self, share):
        """Counts an answer, this share of which was repeated."""
        self.repeated += share
        self.total += 1

    def tell(self, source):
        """Says on stderr what share it was."""
        clear()
        print(
            f"{source}: nothing had moved in {self.repeated / max(self.total, 1):.1%} "
            f"of the {self.what}, whose answers are repeated.",
            file=sys.stderr,
        )
