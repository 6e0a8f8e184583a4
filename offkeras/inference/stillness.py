"""Whether a network is shown what it was shown before."""

import numpy as np

CELL = 8  # pixels: the noise of a camera is gone from their mean
LEVELS = 4.0  # of 255
ROUNDING = 1e-6  # seconds


class Stillness:
    """Says which of the images in a row a network need not see.

    An image is still if the mean of no cell of 8x8 pixels differs by more than
    `levels` from that in the last image that went through the network. The first still
    image goes through it as well: what it says of a pair without motion is what is
    then repeated. Slow changes add up, since what is left out is never compared with.

    Args:
        levels: of 255, above 0.

    Raises:
        ValueError: if `levels` is not above 0.
    """

    def __init__(self, levels=LEVELS, *, settle=0.0):
        if not levels > 0:
            raise ValueError(
                f"Expected `skip_still` to be above 0. Received: {levels}."
            )
        self.levels, self.settle = levels, settle
        self.cells, self.still_since = None, None

    def can_skip(self, image, timestamp=0.0):
        """Whether the answer to the last image is that to this one.

        Args:
            image: `(1, H, W, C)` in 0..255, of one size throughout.
            timestamp: of it, in seconds.
        """
        cells = _means(np.asarray(image)[0])
        still = (
            self.cells is not None
            and np.abs(cells - self.cells).max(initial=0) <= self.levels
        )
        since = self.still_since if still else None
        skip = since is not None and timestamp - since > self.settle - ROUNDING
        self.still_since = timestamp if still and since is None else since
        if not skip:
            self.cells = cells
        return skip


def _means(image):
    """The means of cells, those at the right and lower edge perhaps smaller.

    (H, W, C) -> (ceil(H / 8), ceil(W / 8), C)
    """
    height, width = image.shape[:2]
    rows, columns = np.arange(0, height, CELL), np.arange(0, width, CELL)
    sums = np.add.reduceat(image, rows, axis=0, dtype=np.float32)
    sums = np.add.reduceat(sums, columns, axis=1)
    counts = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    return sums / counts[..., None]
