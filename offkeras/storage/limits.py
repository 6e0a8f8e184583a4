"""What a list, XML or JSON file from elsewhere may take and where it may lead.

Sizes are checked before memory is taken, and no path that a file names is opened
outside the folder that it is meant for, be it through `..`, as an absolute path or
through a symbolic link. The limits of videos are arguments of `video`'s functions.
"""

import json
import os
from pathlib import PurePosixPath

MAX_LIST = 2**28  # bytes of a list: five million lines
MAX_LINE = 2**12  # characters of a line
MAX_JSON = 2**30  # bytes; the annotations of ImageNet VID have about half of that
MAX_VALUES = 2**26  # lists, objects and their members in a JSON file
MAX_PROBLEMS = 1000  # that an error lists


def read_lines(path, max_bytes=MAX_LIST):
    """Yields the number and the text of each line that is not blank.

    Args:
        path: path of a text file.
        max_bytes: largest file to accept.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is too large, is not UTF-8 text, or has a line of
            more than 4096 characters.
    """
    from offkeras.storage import remote as storage  # it imports TensorFlow

    size, number = storage.size(path), 0
    if size is not None and size > max_bytes:
        raise ValueError(f"{path} has {size} bytes, more than {max_bytes}.")
    with storage.local_copy(path) as copy, open(copy, encoding="utf-8-sig") as file:
        try:
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise ValueError(
                        f"{path}:{number}: Expected at most {MAX_LINE} characters."
                    )
                if line.strip():
                    yield number, line.strip()
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not UTF-8 text: {error}.") from error


def parse_json(path, data):
    """Parses the bytes of a JSON file, after counting what they hold.

    Args:
        path: path of the file, for errors.
        data: its content.

    Returns:
        What `json.loads` gives.

    Raises:
        ValueError: if the content is too large or no JSON.
    """
    # Parsed, a value takes up to a hundred bytes, of which the file has but two.
    values = sum(map(data.count, (b",", b"[", b"{")))
    if max(len(data) - MAX_JSON, values - MAX_VALUES) > 0:
        raise ValueError(
            f"{path} has {len(data)} bytes and {values} values, more than {MAX_JSON} "
            f"or {MAX_VALUES}."
        )
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is broken JSON: {error}.") from error


def check_on_error(on_error):
    """Raises a `ValueError` unless it is `"raise"` or `"skip"`."""
    if on_error not in ("raise", "skip"):
        raise ValueError(
            f"Expected on_error to be 'raise' or 'skip'. Received: {on_error!r}."
        )


def is_inside(name):
    """Whether a path that a file names stays below the folder it starts from."""
    name = str(name)
    return (
        bool(name)
        and not name.startswith("/")
        and ".." not in PurePosixPath(name).parts
        and not any(character in name for character in "\\\0")
        and "://" not in name
    )


def link_problem(root, path):
    """Looks for a symbolic link on the way that leads out of a folder.

    The folder itself may be a link. A path of another machine has none.

    Args:
        root: the folder.
        path: path of a file below it.

    Returns:
        A sentence that names the path, or None.
    """
    if "://" in str(root):
        return None
    real_root, real = os.path.realpath(root), os.path.realpath(path)
    if os.path.commonpath([real_root, real]) == real_root:
        return None
    return f"{path} leads out of {root}, through a link to {real}."


def listing(problems):
    """One line a problem, of very many the first."""
    lines = [f"  {problem}" for problem in problems[:MAX_PROBLEMS]]
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"  and {len(problems) - MAX_PROBLEMS} more.")
    return "\n".join(lines)
