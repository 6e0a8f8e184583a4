"""Which files are videos and which are images, by their names."""

import os
import pathlib
import re

# Of the formats that `container.FILES_ONLY` lets FFmpeg read.
VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".f4v", ".avi", ".mkv", ".webm"),
    *(".mpg", ".mpeg", ".vob", ".ts", ".mts", ".m2ts", ".wmv", ".asf", ".flv"),
    *(".ogv", ".mxf", ".gif"),
)
IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def find_videos(folder, *, below=False):
    """The videos of a folder, sorted by path, hidden ones left out.

    Args:
        folder: path of the folder.
        below: whether those in folders within it count as well.
    """
    return find_files(folder, VIDEO_SUFFIXES, below=below)


def find_files(folder, suffixes, *, below=False):
    """The files of a folder with one of the suffixes; see `find_videos`.

    A link to nothing is one of them: whoever reads it says so.

    Raises:
        OSError: if a folder cannot be looked into.
    """
    return [path for path in _files(folder, below) if path.suffix.lower() in suffixes]


def find_others(folder, suffixes):
    """The files of a folder with none of the suffixes, sorted, hidden ones left out."""
    return [
        path for path in _files(folder, False) if path.suffix.lower() not in suffixes
    ]


def _files(folder, below):
    """The files that are not hidden, sorted."""

    def refuse(error):
        raise error

    found = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if below and name[0] != "."]
        found += [pathlib.Path(place, name) for name in names if name[0] != "."]
    return sorted(
        path
        for path in found
        if path.is_file() or (path.is_symlink() and not path.exists())
    )


def natural_order(path):
    """A key to sort by as people count: `2.png` before `10.png`."""
    parts = re.split("([0-9]+)", str(path))
    return [
        (part if i % 2 == 0 else "", int(part) if i % 2 else 0, part)
        for i, part in enumerate(parts)
    ]
