"""Clips of seven frames in the layout of Vimeo-90K, clean and degraded.

root/
  sequences/00001/0001/im1.png ... im7.png      clean
  jpeg2000_q40/00001/0001/im1.png ... im7.png   degraded, see `compression`
  sep_trainlist.txt, sep_testlist.txt           one clip per line: 00001/0001
"""

import io
import re
from pathlib import Path

import numpy as np
import tensorflow as tf

from offkeras.data.images import open_image
from offkeras.data.parallel import in_threads
from offkeras.storage import limits
from offkeras.storage import remote as storage
from offkeras.storage.writing import write_text, written_whole

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
    path = storage.join(root, f"sep_{split}list.txt")
    if storage.size(path) is None:
        raise ValueError(f"Expected a list of clips in {path}. Found no such file.")
    clips = []
    for number, line in limits.read_lines(path):
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
    path = Path(root, f"sep_{split}list.txt")
    write_text(path, "".join(f"{clip}\n" for clip in clips))


def read_png(path):
    """Reads an 8-bit RGB image.

    Args:
        path: path of a PNG file.

    Returns:
        uint8 array `(height, width, 3)`.

    Raises:
        ValueError: if the file is missing or is not a whole 8-bit RGB PNG.
    """
    with _open_png(path) as file:
        data = file.read()
    _png_size(path, io.BytesIO(data))
    try:
        return tf.io.decode_png(data).numpy()
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
    with written_whole(folder) as temporary:
        temporary.mkdir()
        for number, frame in enumerate(frames, start=1):
            (temporary / f"im{number}.png").write_bytes(tf.io.encode_png(frame).numpy())


def frame_path(root, folder, clip, number):
    """Path of frame `number`, counted from 1."""
    return storage.join(root, folder, clip, f"im{number}.png")


def find_problems(root, clips, *, folder=CLEAN, frames=range(1, LENGTH + 1), size=None):
    """Looks for missing folders and files, cut files and wrong sizes.

    Of a local file only the first and the last bytes are read: a set of 90,000
    clips is checked in minutes.

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
    found = in_threads(
        lambda clip: _clip_problems(root, folder, clip, frames, size),
        clips,
        workers=storage.PARALLEL_READS,
    )
    return [problem for problems in found for problem in problems]


def _clip_problems(root, folder, clip, frames, size):
    """One sentence for each problem of a clip."""
    path = storage.join(root, folder, clip)
    if not tf.io.gfile.isdir(path):
        return [f"{path} is missing, but its list names it."]
    problems = []
    for number in frames:
        path = frame_path(root, folder, clip, number)
        try:
            if problem := limits.link_problem(root, path):
                raise ValueError(problem)
            with _open_png(path) as file:
                real_size = _png_size(path, file)
            size = size or real_size
            check_size(path, real_size, size)
        except ValueError as error:
            problems.append(str(error))
    return problems


def _open_png(path):
    try:
        return storage.open_file(path)
    except FileNotFoundError:
        raise ValueError(f"{path} is missing.") from None


def _png_size(path, file):
    """Height and width from the header of an RGB PNG whose end is in place."""
    try:
        with open_image(file, "PNG") as image:
            width, height = image.size
    except ValueError as error:
        raise ValueError(f"{path} {error}") from None
    file.seek(24)
    depth_and_color = file.read(2)
    file.seek(max(file.seek(0, 2) - 8, 0))
    if file.read() != b"IEND\xaeB`\x82":
        raise ValueError(f"{path} is cut off: the end of the PNG is missing.")
    if depth_and_color != b"\x08\x02":
        raise ValueError(f"{path} is not an 8-bit RGB image.")
    return height, width


def check_size(path, size, expected):
    """Raises a ValueError that names the file if its size is not the expected one."""
    if tuple(size) != tuple(expected):
        raise ValueError(
            f"Expected {path} to be {expected[1]}x{expected[0]} pixels. "
            f"Received: {size[1]}x{size[0]}."
        )
