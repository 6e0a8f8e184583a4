"""Paths in object stores: gs://, s3://, hdfs://, http:// and https://.

`tf.io.gfile` reads and writes them, through file systems that TensorFlow has itself
(gs) or that tensorflow-io brings (the others). They take credentials from where
their own tools do. For S3 that is AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_REGION; a server other than Amazon's is S3_ENDPOINT, with http:// or https://.

A path is kept as text: `pathlib` would take a slash from its beginning. A lost
connection is tried again for some minutes before it is an error.
"""

import atexit
import contextlib
import ctypes
import functools
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

import tensorflow as tf

from offkeras.storage.writing import temporary_name, written_whole

SCHEMES = ("gs", "s3", "hdfs", "http", "https")
# Reads at a time: they wait for the network and not for a processor.
PARALLEL_READS = 32


def is_remote(path):
    """Whether a path has a scheme, such as `s3://bucket/folder`."""
    return "://" in str(path)


def connect(path):
    """Makes sure that TensorFlow can read a path. Called where one enters.

    Args:
        path: a local path, which needs nothing, or a remote one.

    Returns:
        The path as text, without a slash at its end.

    Raises:
        ValueError: if no file system is known for its scheme.
        ImportError: if that of tensorflow-io does not load beside this TensorFlow.
    """
    path = os.fspath(path)
    if not is_remote(path):
        return path
    scheme = path.partition("://")[0]
    if scheme not in SCHEMES:
        raise ValueError(
            f"Expected a local path or one that begins with "
            f"{', '.join(f'{s}://' for s in SCHEMES)}. Received: {path}."
        )
    if scheme not in tf.io.gfile.get_registered_schemes():
        _load_file_systems(scheme)
    if scheme == "s3":
        _leave_s3_cleanly()
    return path.rstrip("/")


def _load_file_systems(scheme):
    """Imports tensorflow-io, which registers its file systems."""
    with contextlib.suppress(ImportError):
        import tensorflow_io  # noqa: F401
    if scheme not in tf.io.gfile.get_registered_schemes():
        raise ImportError(
            f"{scheme}:// needs the native part of tensorflow-io, which is missing or "
            f"does not load beside TensorFlow {tf.__version__}. The full set has both: "
            "pip install -r requirements.txt."
        )


@functools.cache
def _leave_s3_cleanly():
    """Ends the process before the S3 client of tensorflow-io aborts it.

    At exit the client calls a destroyed object: "pure virtual method called", status
    134, after a run without fault. A handler of the C library is told the status of
    the process and can leave with it. Registered last, it runs first, when Python has
    flushed and closed its files.

    An exception that nobody catches ends the process at once: threads that still wait
    for the network would wake up in an interpreter that is gone, and abort it too.
    """
    report = sys.excepthook

    def leave(kind, error, trace):
        report(kind, error, trace)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130 if issubclass(kind, KeyboardInterrupt) else 1)

    sys.excepthook = leave

    def register():
        libc = ctypes.CDLL(None)
        libc.fflush(None)
        if hasattr(libc, "on_exit"):  # of Linux
            libc.on_exit(libc._exit, None)

    atexit.register(register)


def join(root, *names):
    """A path below a local or remote folder."""
    return os.path.join(os.fspath(root), *names)


@contextlib.contextmanager
def clear_errors(path):
    """Turns what a file system says into one sentence that names the path.

    Args:
        path: the path that is read or written.

    Raises:
        FileNotFoundError: if it, or its bucket, is not there.
        PermissionError: if the credentials do not suffice.
        ConnectionError: if it cannot be read or written for another reason.
        OSError: likewise of a local path.
    """
    try:
        yield
    except tf.errors.OpError as error:
        raise _explain(path, error) from error


def _explain(path, error):
    """The error of Python that says what TensorFlow's does."""
    if isinstance(error, tf.errors.NotFoundError) and is_remote(path):
        try:  # S3 says so of all that it may not look at, until it is read
            tf.io.gfile.GFile(path, "rb").read(1)
        except tf.errors.OpError as reason:
            error = reason
    if isinstance(error, tf.errors.NotFoundError):
        bucket = "/".join(path.split("/")[:3])
        if path.startswith("s3://") and not tf.io.gfile.isdir(f"{bucket}/"):
            return FileNotFoundError(
                f"{path} is missing: there is no bucket {bucket}, or these "
                "credentials may not see it."
            )
        return FileNotFoundError(f"{path} is missing.")
    if isinstance(
        error, (tf.errors.PermissionDeniedError, tf.errors.UnauthenticatedError)
    ):
        return PermissionError(
            f"{path} is refused: the credentials are wrong or do not suffice. "
            f"Received: {_first_line(error)}"
        )
    kind = ConnectionError if is_remote(path) else OSError
    return kind(f"{path} failed: {_first_line(error)}")


def _first_line(error):
    return error.message.strip(": ").partition("\n")[0]


def read_bytes(path):
    """The content of a local or remote file; raises as `open` and `clear_errors`."""
    with open_file(path) as file:
        return file.read()


def open_file(path):
    """A local file, or the content of a remote one: a file object of bytes."""
    if not is_remote(path):
        return open(path, "rb")
    with clear_errors(path), tf.io.gfile.GFile(path, "rb") as file:
        return io.BytesIO(file.read())


def size(path):
    """Bytes of a local or remote file, None if there is none.

    Raises:
        PermissionError: if the credentials do not suffice.
        ConnectionError: if its file system cannot tell.
    """
    path = os.fspath(path)
    try:
        with clear_errors(path):
            return tf.io.gfile.stat(path).length
    except FileNotFoundError:
        return None


def names(folder):
    """Names in a local or remote folder; raises as `clear_errors`."""
    with clear_errors(folder):
        return [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]


@contextlib.contextmanager
def local_copy(path):
    """A local file with the content of `path`: itself where it is local."""
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, os.path.basename(path))
        with clear_errors(path):
            tf.io.gfile.copy(path, copy)
        yield copy


def put(source, target):
    """Copies a local file; the target appears whole or not at all.

    Args:
        source: the local file.
        target: its place, remote or local.
    """
    if not is_remote(target):
        with written_whole(target) as temporary:
            shutil.copyfile(source, temporary)
        return
    folder, name = os.path.split(target)
    part = join(folder, temporary_name(name))
    with clear_errors(target):
        tf.io.gfile.makedirs(folder)
        try:
            tf.io.gfile.copy(source, part, overwrite=True)
            tf.io.gfile.rename(part, target, overwrite=True)
        except BaseException:
            with contextlib.suppress(tf.errors.OpError):
                tf.io.gfile.remove(part)
            raise


@contextlib.contextmanager
def whole_file(path):
    """A local path to write a file to, which appears at `path` when all went well.

    Args:
        path: its place, remote or local.

    Yields:
        The path to write to.
    """
    if not is_remote(path):
        with written_whole(path) as temporary:
            yield temporary
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        yield copy
        put(str(copy), os.fspath(path))
