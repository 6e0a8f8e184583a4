"""Clips of seven frames in the layout of Vimeo-90K, clean and degraded.

root/
  sequences/00001/0001/im1.png ... im7.png      clean
  jpeg2000_q40/00001/0001/im1.png ... im7.png   degraded, see `compression`
  sep_trainlist.txt, sep_testlist.txt           one clip a line: 00001/0001
"""

import re
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

CLEAN = "sequences"
LENGTH = 7
MIDDLE = 4  # the frame that is evaluated, counted from 1
VIMEO_SIZE = (256, 448)


def read_list(root, split):
    """Names of the clips of a split, from `sep_<split>list.txt`.

    Args:
        root: folder of the dataset.
        split: `"train"`, `"test"` or the name of any other list.

    Returns:
        Names such as `"00001/0001"`, in the order of the list.

    Raises:
        ValueError: if the list is missing or empty, or a line is no clip.
    """
    path = Path(root, f"sep_{split}list.txt")
    if not path.is_file():
        raise ValueError(f"Expected a list of clips in {path}. Found no such file.")
    clips = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        line = line.strip()
        if not line:
            continue
        if not re.fullmatch(r"[\w-]+/[\w-]+", line):
            raise ValueError(
                f"Expected line {number} of {path} to name a clip such as "
                f"00001/0001. Received: {line!r}."
            )
        clips.append(line)
    if not clips:
        raise ValueError(f"{path} names no clip.")
    return clips


def write_list(root, split, clips):
    """Writes `sep_<split>list.txt`.

    Args:
        root: folder of the dataset.
        split: name of the list.
        clips: names such as `"00001/0001"`.
    """
    Path(root, f"sep_{split}list.txt").write_text("".join(f"{c}\n" for c in clips))


def read_png(path):
    """Reads an 8-bit RGB image.

    Args:
        path: path of a PNG file.

    Returns:
        uint8 array `(height, width, 3)`.

    Raises:
        ValueError: if the file is missing or is not a whole 8-bit RGB PNG.
    """
    _png_size(path)
    try:
        return tf.io.decode_png(Path(path).read_bytes()).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(f"{path} is a damaged PNG image.") from error


def read_clip(root, folder, clip):
    """Reads the seven frames of a clip.

    Args:
        root: folder of the dataset.
        folder: `"sequences"` or the name of a degraded copy.
        clip: name such as `"00001/0001"`.

    Returns:
        uint8 array `(7, height, width, 3)`.

    Raises:
        ValueError: if a frame cannot be read or differs from the first in size.
    """
    paths = [frame_path(root, folder, clip, number) for number in range(1, LENGTH + 1)]
    frames = [read_png(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        check_size(path, frame.shape[:2], frames[0].shape[:2])
    return np.stack(frames)


def write_clip(folder, frames):
    """Writes the frames of a clip; the folder appears whole or not at all.

    Args:
        folder: folder of the clip, which does not exist yet.
        frames: uint8 RGB array `(T, height, width, 3)`.
    """
    folder = Path(folder)
    part = folder.with_name(f".writing.{folder.name}")
    shutil.rmtree(part, ignore_errors=True)  # left by a killed run
    part.mkdir(parents=True)
    for number, frame in enumerate(frames, start=1):
        Path(part, f"im{number}.png").write_bytes(tf.io.encode_png(frame).numpy())
    part.rename(folder)


def frame_path(root, folder, clip, number):
    """Path of frame `number`, counted from 1."""
    return Path(root, folder, clip, f"im{number}.png")


def find_problems(root, clips, *, folder=CLEAN, frames=range(1, LENGTH + 1), size=None):
    """Looks for missing folders and files, cut files and wrong sizes.

    Reads the first and the last bytes of every file only: a set of 90,000 clips
    is checked in minutes.

    Args:
        root: folder of the dataset.
        clips: names of clips.
        folder: `"sequences"` or the name of a degraded copy.
        frames: numbers of the frames to look at, counted from 1.
        size: `(height, width)` of every frame. Default: each clip has one size
            of its own.

    Returns:
        A list of one sentence a problem, each naming the folder or file.
    """
    problems = []
    for clip in clips:
        path = Path(root, folder, clip)
        if not path.is_dir():
            problems.append(f"{path} is missing, but its list names it.")
            continue
        expected = size
        for number in frames:
            path = frame_path(root, folder, clip, number)
            try:
                found = _png_size(path)
                expected = expected or found
                check_size(path, found, expected)
            except ValueError as error:
                problems.append(str(error))
    return problems


def _png_size(path):
    """Height and width from the header of an RGB PNG whose end is in place."""
    try:
        with open(path, "rb") as file:
            header = file.read(26)
            file.seek(max(file.seek(0, 2) - 8, 0))
            trailer = file.read()
    except FileNotFoundError:
        raise ValueError(f"{path} is missing.") from None
    if header[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError(f"{path} is not a PNG image.")
    if trailer != b"IEND\xaeB`\x82":
        raise ValueError(f"{path} is cut off: the end of the PNG is missing.")
    if header[24:26] != b"\x08\x02":
        raise ValueError(f"{path} is not an 8-bit RGB image.")
    return int.from_bytes(header[20:24]), int.from_bytes(header[16:20])


def check_size(path, size, expected):
    """Raises a ValueError that names the file if its size is not the expected one."""
    if tuple(size) != tuple(expected):
        raise ValueError(
            f"Expected {path} to be {expected[1]}x{expected[0]} pixels. "
            f"Received: {size[1]}x{size[0]}."
        )
