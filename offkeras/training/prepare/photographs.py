"""Photographs that a virtual camera moves over."""

from pathlib import Path

from offkeras.data.synthetic.moving_windows import shrink
from offkeras.inference.sources import find_images, read_image


def read_photographs(folder, size):
    """Yields the paths and pictures of a folder, no larger than windows need.

    Args:
        folder: folder of images.
        size: height and width of what the camera sees.

    Raises:
        ValueError: if there is no such folder or an image cannot be read.
    """
    if not Path(folder).is_dir():
        raise ValueError(
            f"Expected --photographs a folder of images. Received: {folder}."
        )
    for path in find_images(folder):
        yield path, shrink(read_image(path), size)
