"""`.keras` files of half the size."""

import io
import zipfile
from pathlib import Path

import keras

from offkeras.models.task import check_finite
from offkeras.storage.writing import written_whole

WEIGHTS = "model.weights.h5"


def compact(model, path):
    """Writes a model as a `.keras` file with weights as precise as bfloat16.

    They stay float32, so that nothing else changes where the file is loaded: each is
    rounded to the nearest of 8 significant bits, by 2**-8 of itself at most, and
    the zeros after these bits are compressed away. What this costs is for the metric
    of the task to say.

    Args:
        model: a Keras model; it stays as it is.
        path: the file to write, `*.keras`.

    Returns:
        The path.

    Raises:
        ValueError: if the suffix is another, or a weight is no finite number.

    Example:

    ```python
    export.compact(recognizer, "savedmodels/walk/recognizer.keras")
    ```
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise ValueError(f"Expected `path` to end in .keras. Received: {path}.")
    check_finite(model)
    with written_whole(path) as temporary:
        model.save(temporary)
        with zipfile.ZipFile(temporary) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        members[WEIGHTS] = _rounded(members[WEIGHTS])
        with zipfile.ZipFile(
            temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9
        ) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    return path


def _rounded(weights):
    """The HDF5 file with its float32 arrays rounded."""
    import h5py

    file = io.BytesIO(weights)
    with h5py.File(file, "r+") as group:
        group.visititems(_round)
    return file.getvalue()


def _round(name, item):
    if getattr(item, "dtype", None) == "float32":
        value = keras.ops.cast(keras.ops.cast(item[()], "bfloat16"), "float32")
        item[...] = keras.ops.convert_to_numpy(value)
