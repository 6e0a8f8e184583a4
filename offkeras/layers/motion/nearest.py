"""Maps at another size, by the nearest of theirs."""

from keras import ops


def resize_nearest(maps, height, width):
    """Maps `(B, h, w, C)` at another size.

    Row i is row floor(i h / height), as in PyTorch. Keras takes the middles of the
    pixels instead, which differs where the sizes are no multiples of each other.
    """
    for axis, size in ((1, height), (2, width)):
        index = ops.arange(size) * ops.shape(maps)[axis] // size
        maps = ops.take(maps, index, axis=axis)
    return maps
