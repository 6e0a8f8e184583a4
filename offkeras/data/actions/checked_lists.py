"""Lists of videos as `check_dataset` reads them, with the labels that training reads.

A line is a path and numbers, the last of them the label: lists of TSN and of UCF-101.
Names of the labels are those of `classes.txt`, from 0, or `classInd.txt`, from 1,
beside the list. Without them a folder is a class, where folders and labels go together
one to one, and else the label is.
"""

import collections
import dataclasses
import os
import pathlib
import re

# Of HMDB-51: the class, and then whether a video is of training or of test.
CLASS_LIST = re.compile(r"(?P<label>.+)_test_split\d\.txt")
LINE = re.compile(r"(?P<name>.+\.\w+)(?P<numbers>(?:\s+\d+)*)")


@dataclasses.dataclass(frozen=True)
class Line:
    """A video of a list.

    Attributes:
        place: the list and the number of the line.
        path: path of the file.
        folder: name of the folder that it is in, "" without one.
        label: the last number, None without one.
    """

    place: str
    path: str
    folder: str
    label: int | None


def read_list(path, videos):
    """The lines of a list, and what is wrong with others: pairs of place and text.

    Args:
        path: path of the list.
        videos: folder that its names start from. Default: that of the list.

    Raises:
        ValueError: if it is no list.
    """
    if not os.path.isfile(path):
        raise ValueError(f"Expected a folder of class folders or a list: {path}.")
    root = pathlib.Path(videos or pathlib.Path(path).parent)
    one_class = CLASS_LIST.fullmatch(pathlib.Path(path).name)
    found, problems = [], []
    for number, text in enumerate(_texts(path), start=1):
        text, place = text.strip(), f"{path}:{number}"
        if not text:
            continue
        match = LINE.fullmatch(text)
        name = pathlib.PurePosixPath(match["name"] if match else "/")
        if name.is_absolute() or ".." in name.parts or "\0" in text:
            expected = f"expected a video below {root}. Received: {text[:200]!r}."
            problems.append((place, expected))
            continue
        label = int(match["numbers"].split()[-1]) if match["numbers"] else None
        if one_class:
            name, label = pathlib.PurePosixPath(one_class["label"]) / name, None
        found.append(Line(place, str(root / name), name.parent.name, label))
    if not found and not problems:
        raise ValueError(f"Expected videos in {path}. Found none.")
    return found, problems


def _texts(path):
    try:
        return pathlib.Path(path).read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}.") from error


def name_labels(lists):
    """The class of every line, and the lines whose label is that of another class.

    Args:
        lists: dict from paths of lists to their lines.

    Returns:
        `(names, problems)`: a dict from paths of lists to the classes of their lines,
        and pairs of place and text.
    """
    names, problems, known = {}, [], None
    for path, lines in lists.items():
        listed = _listed_classes(path)
        own = listed or _folders_as_classes(path, lines)
        known = listed or known or own
        problems += _other_labels(path, lines, known)
        names[path] = [_name(line, listed, own or known) for line in lines]
    return names, problems


@dataclasses.dataclass(frozen=True)
class _Classes:
    """Names and labels that go together, and where that is said."""

    source: str
    labels: dict
    listed: bool


def _listed_classes(path):
    """Those of `classes.txt` or `classInd.txt` beside a list, if there is one."""
    for name, first in (("classes.txt", 0), ("classInd.txt", 1)):
        file = pathlib.Path(path).with_name(name)
        if file.is_file():
            texts = [text.strip() for text in _texts(file) if text.strip()]
            if first:  # "1 ApplyEyeMakeup"
                texts = [text.partition(" ")[2] for text in texts]
            labels = {text: label for label, text in enumerate(texts, first)}
            return _Classes(str(file), labels, True)
    return None


def _folders_as_classes(path, lines):
    """The label that most videos of a folder have, if no two folders share one."""
    counts = collections.defaultdict(collections.Counter)
    for line in lines:
        if line.folder and line.label is not None:
            counts[line.folder][line.label] += 1
    labels = {folder: c.most_common(1)[0][0] for folder, c in counts.items()}
    right = sum(counts[folder][label] for folder, label in labels.items())
    are_classes = len(set(labels.values())) == len(labels) and (
        2 * right > sum(c.total() for c in counts.values())
    )
    return _Classes(str(path), labels, False) if labels and are_classes else None


def _other_labels(path, lines, known):
    """Where labels are not those of the classes that are known."""
    if known is None:
        return []
    lines = [line for line in lines if line.label is not None]
    beside = [line for line in lines if line.folder in known.labels]
    shifts = {line.label - known.labels[line.folder] for line in beside}
    if len(shifts) == 1 and shifts != {0} and len({x.folder for x in beside}) > 1:
        first = min(known.labels.values())
        text = (
            f"labels count from {first + shifts.pop()}, and from {first} in "
            f"{known.source}"
        )
        return [(str(path), text)]
    problems = []
    for line in lines:
        label = known.labels.get(line.folder)
        if label is not None and line.label != label:
            text = f"label {line.label}, where {line.folder!r} is {label}"
        elif known.listed and line.label not in known.labels.values():
            text = f"label {line.label}, of no class"
        else:
            continue
        problems.append((line.place, f"{text} in {known.source}"))
    return problems


def _name(line, listed, classes):
    """The class of a line."""
    if line.label is None:
        return line.folder
    if listed is not None:
        names = {label: name for name, label in listed.labels.items()}
        return names.get(line.label, str(line.label))
    if classes is not None and line.folder in classes.labels:
        return line.folder
    return str(line.label)
