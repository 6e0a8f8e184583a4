"""What can be wrong with the videos of a training, found before it begins."""

import collections
import dataclasses
import hashlib
import itertools
import os
import pathlib
import statistics

from offkeras.data.actions import checked_lists, folder_videos
from offkeras.data.parallel import in_threads
from offkeras.video.reading import VideoError, iterate_frames, probe, read_frames
from offkeras.video.search import VIDEO_SUFFIXES, find_others, find_videos

RATES = (5, 120)  # frames per second: outside of them a header is likely wrong
RATE_FACTOR = 1.5  # from the middle rate of all videos: another Δt than in theirs
IMBALANCE = 10  # times the videos of the smallest class
FINGERPRINT_FRAMES = 8  # at the beginning
SPREAD = 4  # frames from there to the end that are compared as well
FLAT = 2  # grey levels: a plain picture, such as black, is no fingerprint


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
    frame; lines that name no video below the folder, or have the label of another
    class; a video that two parts share, by its bytes or by its frames; a class that a
    part lacks. Warnings are videos that one part has twice, or that begin with the
    same frames, as a cut copy and a title do; files that are no videos by their names,
    odd frame rates, and classes of very different size.

    Args:
        parts: paths, of folders of class folders or of lists, a video a line, see
            `checked_lists`.
        videos: folder that the names in lists start from. Default: that of the list.
        decode: whether to decode every frame, not only the first ones.
        done: function called after every video with the number looked at so far.

    Returns:
        A `Report`.

    Raises:
        ValueError: if a part is no folder of class folders and no list.
    """
    entries, problems, lists = [], [], {}
    for part in map(str, parts):
        if os.path.isdir(part):
            found, wrong = _read_folder(part)
            entries += found
            problems += wrong
        else:
            lists[part], wrong = checked_lists.read_list(part, videos)
            problems += [Problem("error", *problem) for problem in wrong]
    for both, more in zip((entries, problems), _label_lists(lists), strict=True):
        both += more
    looks = in_threads(lambda entry: _look(entry.path, decode), entries, done=done)
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
    """Entries of a folder of class folders, and what is in it beside them."""
    entries, problems = [], []
    for folder in folder_videos.find_classes(pathlib.Path(root)):
        label = folder_videos.name_of(folder)
        entries += [Entry(str(root), str(path), label) for path in find_videos(folder)]
        problems += [
            Problem("warning", str(path), "is no video by its name: left out")
            for path in find_others(folder, VIDEO_SUFFIXES)
        ]
    return entries, problems


def _label_lists(lists):
    """Entries of the lines of lists, and labels that are those of other classes."""
    names, problems = checked_lists.name_labels(lists)
    entries = [
        Entry(part, line.path, name)
        for part, lines in lists.items()
        for line, name in zip(lines, names[part], strict=True)
    ]
    return entries, [Problem("error", *problem) for problem in problems]


@dataclasses.dataclass(frozen=True)
class _Look:
    num_frames: int
    fps: float
    prints: tuple  # of the bytes and, unless plain, of frames all over the video
    start: str | None  # print of the first frames, unless plain


def _look(path, decode):
    """What one look at a video tells, or the error."""
    try:
        info = probe(path)
        with open(path, "rb") as file:
            prints = [hashlib.file_digest(file, "sha256").hexdigest()]
        frames = iterate_frames(path)
        first = [f for _, f in itertools.islice(frames, FINGERPRINT_FRAMES)]
        count = len(first)
        start = _fingerprint(first)
        places = [i * (info.num_frames - 1) // SPREAD for i in range(1, SPREAD + 1)]
        spread = _fingerprint([*first, *read_frames(info, places)])
        if spread is not None:
            prints.append(f"{info.num_frames} {spread}")
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
    return _Look(info.num_frames, info.fps, tuple(prints), start)


def _fingerprint(frames):
    """A digest of frames; None where all are plain."""
    digest = hashlib.sha256()
    for frame in frames:
        digest.update(repr(frame.shape).encode())
        digest.update(frame)
    is_plain = all(frame.std() < FLAT for frame in frames)
    return None if is_plain else digest.hexdigest()


def _shared_content(good):
    """Videos that are there twice."""
    problems, first, starts = [], {}, {}
    for entry, look in good:
        before = next((first[p] for p in look.prints if p in first), None)
        for fingerprint in look.prints:
            first.setdefault(fingerprint, entry)
        alike = starts.setdefault(look.start, entry) if look.start else entry
        if before is None:
            if alike is not entry:
                text = (
                    f"begins with the same {FINGERPRINT_FRAMES} frames as "
                    f"{alike.path}: another cut of it, or the same title"
                )
                problems.append(Problem("warning", entry.path, text))
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
