"""The image files of annotated frames."""

import io

import tensorflow as tf

from offkeras.data.images import open_image
from offkeras.data.resize import decode_jpeg
from offkeras.storage import remote as storage


def read_image(path, size):
    """Reads a JPEG or PNG image of a known size.

    Args:
        path: path of the file.
        size: `(height, width)` that it must have.

    Returns:
        uint8 RGB array `(height, width, 3)`.

    Raises:
        ValueError: if the file is missing, damaged or of another size.
    """
    try:
        data = storage.read_bytes(path)
    except FileNotFoundError:
        raise ValueError(f"{path} is missing.") from None
    if problem := _header_problem(path, io.BytesIO(data), size):
        raise ValueError(problem)
    try:
        return decode_jpeg(data).numpy()  # which decodes PNG too
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(f"{path} is not a readable image: {error.message}") from error


def check_image(path, size):
    """Looks at the header of an image, without decoding it.

    Args:
        path: path of the file.
        size: `(height, width)` that it must have.

    Returns:
        A sentence that names the file and its problem, or None.
    """
    try:
        with storage.open_file(path) as file:
            return _header_problem(path, file, size)
    except FileNotFoundError:
        return f"{path} is missing."
    except IsADirectoryError:
        return f"{path} is a folder."


def _header_problem(path, file, size):
    """A sentence if the header in an open file is not that of such an image."""
    try:
        with open_image(file, "JPEG", "PNG") as image:
            width, height = image.size
    except ValueError as error:
        return f"{path} {error}"
    if (height, width) != tuple(size):
        return (
            f"Expected {path} to be {size[1]}x{size[0]} pixels, as annotated. "
            f"Received: {width}x{height}."
        )
    return None
