"""What can be wrong with the videos of a training, found before it begins."""

import collections
import concurrent.futures
import dataclasses
import hashlib
import itertools
import os
import pathlib
import re
import statistics

from offkeras.data import class_folder
from offkeras.data.video import VideoError, iterate_frames, probe

RATES = (5, 120)  # frames per second: outside of them a header is likely wrong
RATE_FACTOR = 1.5  # from the middle rate of all videos: another Δt than in theirs
IMBALANCE = 10  # times the videos of the smallest class
FINGERPRINT_FRAMES = 8
FLAT = 2  # grey levels: a plain picture, such as black, is no fingerprint
# A path with a suffix, then numbers: lists of TSN, UCF-101 and HMDB-51.
LINE = re.compile(r"(?P<name>.+\.\w+)(?P<numbers>(?:\s+\d+)*)")


@dataclasses.dataclass(frozen=True)
class Entry:
    """A video of a part of a dataset.

    Attributes:
        part: the folder or list that names it.
        path: path of the file.
        label: name of its class.
    """

    part: str
    path: str
    label: str


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something wrong.

    Attributes:
        level: `"error"`: training would fail or mislead; or `"warning"`.
        place: path of the file, or the part.
        text: what is wrong.
    """

    level: str
    place: str
    text: str


@dataclasses.dataclass(frozen=True)
class Report:
    """What `check_dataset` found.

    Attributes:
        rows: tuple of dicts: `part`, `label`, and the sums `videos`, `frames` and
            `seconds` of those that can be read.
        problems: tuple of `Problem`s, errors first.
    """

    rows: tuple
    problems: tuple

    @property
    def errors(self):
        """The problems that are errors."""
        return tuple(p for p in self.problems if p.level == "error")


def check_dataset(parts, *, videos=None, decode=False, done=None):
    """Looks over all videos of a dataset.

    Errors are files that are missing, cannot be read, are cut short or have no
    frame; lines that name no video below the folder; a video that two parts share,
    by its bytes or by its first frames; a class that a part lacks. Warnings are
    videos that one part has twice, odd frame rates, and classes of very different
    size.

    Args:
        parts: paths, of folders of class folders or of lists, a video a line, whose
            class is its folder or, without one, the last number of the line.
        videos: folder that the names in lists start from. Default: that of the list.
        decode: whether to decode every frame, not only the first ones.
        done: function called after every video with the number looked at so far.

    Returns:
        A `Report`.

    Raises:
        ValueError: if a part is no folder of class folders and no list.
    """
    entries, problems = [], []
    for part in parts:
        found = _read_folder(part) if os.path.isdir(part) else None
        if found is None:
            found, wrong = _read_list(part, videos)
            problems += wrong
        entries += found
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        looks = []
        for look in threads.map(lambda entry: _look(entry.path, decode), entries):
            looks.append(look)
            if done:
                done(len(looks))
    good = []
    for entry, look in zip(entries, looks, strict=True):
        if isinstance(look, VideoError):
            problems.append(Problem("error", entry.path, look.reason))
        else:
            good.append((entry, look))
    problems += _shared_content(good) + _odd_rates(good)
    rows = _sums(good)
    problems += _classes(rows, [str(part) for part in parts])
    problems.sort(key=lambda problem: (problem.level, problem.place))
    return Report(rows, tuple(problems))


def _read_folder(root):
    folders = class_folder.class_folders(pathlib.Path(root))
    return [
        Entry(str(root), str(path), folder.name)
        for folder in folders
        for path in class_folder.find_videos(folder)
    ]


def _read_list(path, videos):
    """Entries of a list, and what is wrong with its lines."""
    if not os.path.isfile(path):
        raise ValueError(f"Expected a folder of class folders or a list: {path}.")
    try:
        lines = pathlib.Path(path).read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}.") from error
    root = pathlib.Path(videos or pathlib.Path(path).parent)
    entries, problems = [], []
    for number, text in enumerate(lines, start=1):
        text = text.strip()
        if not text:
            continue
        match = LINE.fullmatch(text)
        name = pathlib.PurePosixPath(match["name"] if match else "/")
        if name.is_absolute() or ".." in name.parts or "\0" in text:
            expected = f"expected a video below {root}. Received: {text[:200]!r}."
            problems.append(Problem("error", f"{path}:{number}", expected))
            continue
        numbers = match["numbers"].split()
        label = name.parent.name or (numbers[-1] if numbers else "")
        entries.append(Entry(str(path), str(root / name), label))
    if not entries and not problems:
        raise ValueError(f"Expected videos in {path}. Found none.")
    return entries, problems


@dataclasses.dataclass(frozen=True)
class _Look:
    num_frames: int
    fps: float
    prints: tuple  # of the bytes and, unless plain, of the first frames


def _look(path, decode):
    """What one look at a video tells, or the error."""
    try:
        info = probe(path)
        with open(path, "rb") as file:
            prints = [hashlib.file_digest(file, "sha256").hexdigest()]
        digest, flat, count = hashlib.sha256(), True, 0
        frames = iterate_frames(path)
        for _, frame in itertools.islice(frames, FINGERPRINT_FRAMES):
            digest.update(repr(frame.shape).encode())
            digest.update(frame)
            flat &= frame.std() < FLAT
            count += 1
        if not flat:
            prints.append(digest.hexdigest())
        if decode:
            count += sum(1 for _ in frames)
            if count != info.num_frames:
                raise VideoError(
                    path, f"has {info.num_frames} frames by its index, {count} decode."
                )
    except VideoError as error:
        return error
    except OSError as error:
        return VideoError(path, f"cannot be read ({error}).")
    return _Look(info.num_frames, info.fps, tuple(prints))


def _shared_content(good):
    """Videos that are there twice."""
    problems, first = [], {}
    for entry, look in good:
        before = next((first[p] for p in look.prints if p in first), None)
        for fingerprint in look.prints:
            first.setdefault(fingerprint, entry)
        if before is None:
            continue
        if before.part != entry.part:
            text = f"{entry.part} and {before.part} share it: it is {before.path}"
            problems.append(Problem("error", entry.path, text))
        else:
            text = f"is there twice: as {before.path}"
            level = "warning" if before.label == entry.label else "error"
            if level == "error":
                text += f", of class {before.label!r} and not {entry.label!r}"
            problems.append(Problem(level, entry.path, text))
    return problems


def _odd_rates(good):
    """Videos whose frame rate is unlikely, or far from that of the others."""
    if not good:
        return []
    middle = statistics.median(look.fps for _, look in good)
    problems = []
    for entry, look in good:
        if not RATES[0] <= look.fps <= RATES[1]:
            text = f"{look.fps:.2f} frames/s, outside {RATES[0]} to {RATES[1]}"
        elif max(look.fps / middle, middle / look.fps) > RATE_FACTOR:
            text = f"{look.fps:.2f} frames/s, where {middle:.2f} are usual"
        else:
            continue
        problems.append(Problem("warning", entry.path, text))
    return problems


def _sums(good):
    sums = collections.defaultdict(lambda: [0, 0, 0.0])
    for entry, look in good:
        row = sums[entry.part, entry.label]
        row[0] += 1
        row[1] += look.num_frames
        row[2] += look.num_frames / look.fps
    return tuple(
        dict(part=part, label=label, videos=row[0], frames=row[1], seconds=row[2])
        for (part, label), row in sorted(sums.items())
    )


def _classes(rows, parts):
    """Classes that a part lacks, and classes of very different size."""
    problems = []
    labels = {row["label"] for row in rows}
    for part in parts:
        counts = {row["label"]: row["videos"] for row in rows if row["part"] == part}
        for label in sorted(labels - set(counts)):
            text = f"has no readable video of class {label!r}"
            problems.append(Problem("error", part, text))
        if counts and max(counts.values()) > IMBALANCE * min(counts.values()):
            large, small = max(counts, key=counts.get), min(counts, key=counts.get)
            text = (
                f"class {large!r} has {counts[large]} videos, {small!r} {counts[small]}"
            )
            problems.append(Problem("warning", part, text))
    return problems
