"""Files that appear whole or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path


@contextlib.contextmanager
def whole_or_nothing(path):
    """A path to write a file or folder to, renamed to `path` when all went well.

    What is written lies beside `path` meanwhile, and goes on any error.

    Args:
        path: the file or folder to appear.

    Yields:
        The path to write to.
    """
    path = Path(path)
    is_new = not path.parent.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=path.parent) as folder:
            temporary = Path(folder) / path.name
            yield temporary
            os.replace(temporary, path)
    except BaseException:
        if is_new:
            with contextlib.suppress(OSError):  # someone else wrote there meanwhile
                path.parent.rmdir()
        raise


def next_version(folder):
    """Path of the next version under a model's folder: 1, 2, ..."""
    folder = Path(folder)
    entries = folder.iterdir() if folder.is_dir() else ()
    versions = [int(path.name) for path in entries if path.name.isdigit()]
    return folder / str(max(versions, default=0) + 1)
