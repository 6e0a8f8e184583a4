"""Files of arrays that may come from anyone: sizes and checksums before loading."""

import hashlib
import io
import math
import re
import zipfile
from pathlib import Path

import numpy as np

MAX_BYTES = 2**32  # once unpacked
# `torch.hub` names a file by the first digits of its SHA-256.
DIGEST = re.compile(r"-([0-9a-f]{8,64})\.\w+")


def check_name(path):
    """Compares a file with the SHA-256 in its name, where there is one.

    Raises:
        ValueError: if the file is another one.
    """
    match = DIGEST.search(Path(path).name)
    if not match:
        return
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(match[1]):
        raise ValueError(
            f"{path} is damaged: its SHA-256 begins with {digest[:8]}, not as its name "
            "says."
        )


def is_zip(path):
    """Whether a file begins as a zip file does."""
    with open(path, "rb") as file:
        return file.read(4) == b"PK\3\4"


def check_zip(path, max_bytes=MAX_BYTES):
    """Compares the checksums of a zip file, after a look at its size.

    Args:
        path: path of the file.
        max_bytes: largest file to accept, once unpacked.

    Raises:
        ValueError: if the file is damaged or too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            damaged = archive.testzip() if size <= max_bytes else None
    except FileNotFoundError:
        raise
    except Exception as error:  # of many types: the file may hold anything
        raise ValueError(f"{path} is no archive to read: {error}.") from error
    if size > max_bytes:
        raise ValueError(f"{path} has {size} bytes unpacked, more than {max_bytes}.")
    if damaged:
        raise ValueError(f"{path} is damaged: the checksum of {damaged!r} is wrong.")


def read_npz(path):
    """Reads the arrays of an `.npz` file.

    Args:
        path: path of the file.

    Returns:
        Dict of arrays.

    Raises:
        ValueError: if the file is damaged, too large, or holds anything else than
            arrays of numbers.
    """
    check_zip(path)
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            try:
                _check_header(data)
                array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
            except Exception as error:  # the header is text of any kind
                raise ValueError(
                    f"{path}: {name!r} is no array of numbers ({error})."
                ) from error
            arrays[name.removesuffix(".npy")] = array
    return arrays


def _check_header(data):
    """Refuses an array that has more elements than bytes; NumPy would make room."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    shape, _, dtype = read[version](file)
    if dtype.kind not in "biufc":
        raise ValueError(f"its elements are {dtype}")
    if math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError(f"it has not the bytes of {shape}")
