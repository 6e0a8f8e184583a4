"""The mean of the images that weights were trained with, kept beside them."""

from pathlib import Path

import numpy as np

ATTRIBUTE = "mean"


def write_mean(path, mean):
    """Notes the mean in a `.weights.h5` file.

    Args:
        path: the file, which exists.
        mean: a number a channel, or one for all.
    """
    import h5py

    with h5py.File(path, "a") as file:
        file.attrs[ATTRIBUTE] = np.float64(mean)


def read_mean(path):
    """The mean that a file of weights notes: a tuple, one number, or None.

    Args:
        path: path of a file of any kind, or None.
    """
    if path is None or not str(path).endswith(".weights.h5"):
        return None
    if not Path(path).is_file():
        return None
    import h5py

    with h5py.File(path) as file:
        if ATTRIBUTE not in file.attrs:
            return None
        mean = np.asarray(file.attrs[ATTRIBUTE], "float64")
    return tuple(mean.tolist()) if mean.ndim else float(mean)
