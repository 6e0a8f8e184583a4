"""`data.augment` without TensorFlow, to the bit."""

import numpy as np

from offkeras.data.pydataset import draws
from offkeras.data.pydataset.resize import resize, shorter_side

# Thirteen places of a crop on a grid of quarters (x, y) of the spare room: the
# corners, the centre, the middles of the edges, the centres of the quadrants.
POSITIONS = (
    ((0, 0), (4, 0), (0, 4), (4, 4), (2, 2))
    + ((0, 2), (4, 2), (2, 4), (2, 0))
    + ((1, 1), (3, 1), (1, 3), (3, 3))
)
EVALUATION_SCALE = 256 / 224  # shorter side of the frame over the crop


def multi_scale_crop(frames, *, size, scales, seed):
    """Crops a clip at a random scale, aspect and place, and resizes it.

    Args:
        frames: uint8 `(T, H, W, C)`.
        size: height and width of the result in pixels.
        scales: fractions of the shorter side, in descending order.
        seed: two integers.

    Returns:
        uint8 `(T, size, size, C)`, as `augment.multi_scale_crop`.
    """
    height, width = frames.shape[1:3]
    base = min(height, width)
    lengths = (np.float32(base) * np.array(scales, np.float32)).astype(int)
    if size <= base:
        lengths[np.abs(lengths - size) < 3] = size
    ranks = range(len(scales))
    pairs = [(i, j) for i in ranks for j in ranks if abs(i - j) <= 1]
    draw = draws.uniform(seed)
    crop_height, crop_width = lengths[list(pairs[int(draw[0] * len(pairs))])]
    x, y = POSITIONS[int(draw[1] * len(POSITIONS))]
    left = x * ((width - crop_width) // 4)
    top = y * ((height - crop_height) // 4)
    crop = frames[:, top : top + crop_height, left : left + crop_width]
    return resize(crop, (size, size))


def center_crop(frames, size):
    """The centre of frames of `evaluation_size`."""
    top, left = ((side - size) // 2 for side in frames.shape[1:3])
    return frames[:, top : top + size, left : left + size]


def evaluation_size(frames, size):
    """Frames with a shorter side of `size * 256 / 224`."""
    return shorter_side(frames, round(size * EVALUATION_SCALE))
