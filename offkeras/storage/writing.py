"""Files and folders that appear whole or not at all."""

import contextlib
import errno
import hashlib
import os
import shutil
from pathlib import Path

PREFIX = ".writing-"  # of the names of what is not complete
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def written_whole(path):
    """A path to write a file or folder to, renamed to `path` when all went well.

    It lies beside `path` and has its name, in a hidden folder that goes on any error.
    What a killed process leaves there goes when the same path is written again.
    Folders on the way to `path` are made.

    Args:
        path: the file or folder to appear.

    Yields:
        The path to write to.

    Raises:
        BlockingIOError: if `path` is being written already.
        OSError: if nothing can be written there, or no more of it.
    """
    path = Path(path)
    missing = [parent for parent in path.parents if not parent.exists()]
    folder = path.with_name(temporary_name(path.name))
    try:
        with _held(path, folder):
            for left in folder.iterdir():
                _remove(left)
            try:
                yield folder / path.name
                _sync(folder / path.name)
                os.replace(folder / path.name, path)
                _sync(path.parent)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except BaseException as error:
        with contextlib.suppress(OSError):  # someone else wrote there meanwhile
            for parent in missing:
                parent.rmdir()
        # Where a disk is full the error names no file, or one that is gone.
        if (reason := no_room(error)) is not None:
            raise OSError(reason, os.strerror(reason), str(path)) from error
        raise


def no_room(error):
    """The errno of an error of whatever library that says a disk is full, or None."""
    number, text = getattr(error, "errno", None), str(error)
    if number in FULL:
        return number
    return next((n for n in FULL if os.strerror(n) in text), None)


def write_text(path, text):
    """Writes the text of a file in UTF-8, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, "utf-8")


def temporary_name(name):
    """A short hidden name, the same each time, for what becomes `name`."""
    return PREFIX + hashlib.sha256(os.fsencode(name)).hexdigest()[:16]


@contextlib.contextmanager
def _held(path, folder):
    """Makes a folder, which no other process holds meanwhile."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _lock(folder)
    except BlockingIOError as error:
        raise BlockingIOError(f"{path} is being written by another process.") from error
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _lock(folder):
    """The locked folder, made if need be; None where no lock can be had."""
    while True:
        folder.mkdir(exist_ok=True)
        if folder.is_symlink():  # what it leads to is not ours to clear
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory", str(folder))
        try:
            import fcntl

            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except ImportError:  # Windows
            return None
        except FileNotFoundError:  # its owner has just removed it
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise
        except OSError:  # file systems without locks
            return handle
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(folder)):
                return handle
        os.close(handle)


def _sync(path):
    """Brings a file, or the names in a folder, to the disk where that is possible."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def next_version(folder):
    """Path of the next version under a model's folder: 1, 2, ..."""
    folder = Path(folder)
    entries = folder.iterdir() if folder.is_dir() else ()
    versions = [int(path.name) for path in entries if path.name.isdigit()]
    return folder / str(max(versions, default=0) + 1)
