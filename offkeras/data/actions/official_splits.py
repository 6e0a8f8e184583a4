"""The official splits of UCF-101 and HMDB-51, lists as TSN's, and class folders.

A file that a list names is identified by its path below the folder of videos, such
as `Archery/v_Archery_g01_c01.avi`. Everything wrong with the lists and the files is
found before any work begins, and reported in one error with list and line.
"""

import dataclasses
import os
import re
from pathlib import Path

from offkeras.data.actions import folder_videos
from offkeras.data.parallel import in_threads
from offkeras.storage import limits
from offkeras.video.container import MAX_PIXELS, VideoError, decode, open_video
from offkeras.video.search import find_videos

SPLITS = (1, 2, 3)


@dataclasses.dataclass(frozen=True)
class ActionVideo:
    """An entry of a list.

    Attributes:
        name: path below the folder of videos, with "/" between its parts.
        path: path of the file, or None where only names are at hand.
        label: position in `class_names`.
        group: videos of one group show the same scene; a validation split never
            tears them apart.
    """

    name: str
    path: str | None
    label: int
    group: str


@dataclasses.dataclass(frozen=True)
class ActionSplit:
    """A dataset's classes and one division into training and test videos.

    Attributes:
        class_names: tuple of names; a label is a position in it.
        train: tuple of `ActionVideo`, in the order of the list.
        test: tuple of `ActionVideo`.
        unused: tuple of `ActionVideo` that the split leaves out (HMDB-51 only).
    """

    class_names: tuple
    train: tuple
    test: tuple
    unused: tuple = ()

    @property
    def videos(self):
        """All videos of the dataset, sorted by name; no split depends on it."""
        videos = (*self.train, *self.test, *self.unused)
        return tuple(sorted(videos, key=lambda video: video.name))


def ucf101(videos, lists, *, split=1):
    """UCF-101 in its official layout.

    Args:
        videos: folder of `<class>/v_<class>_gNN_cNN.avi`, or None to read the lists
            without looking at the files, for instance beside prepared shards.
        lists: folder of `classInd.txt`, `trainlist0N.txt` and `testlist0N.txt`.
        split: 1, 2 or 3.

    Returns:
        An `ActionSplit`. A group is the clips with the same `gNN`, which show the
        same persons and place.

    Raises:
        ValueError: if lists or files are missing, broken or contradict each other.
    """
    _check_split(split)
    check = _Checker(videos)
    classes = {}
    path = Path(lists, "classInd.txt")
    for line, text in check.lines(path):
        number, _, name = text.partition(" ")
        if number != str(len(classes) + 1) or not name or name in classes:
            check.report(path, line, f"number {len(classes) + 1} and a new class", text)
        classes[name] = len(classes)

    for subset in ("train", "test"):
        path = Path(lists, f"{subset}list0{split}.txt")
        for line, text in check.lines(path):
            name, number = (text, None) if subset == "test" else _last_word(text)
            label = classes.get(name.split("/")[0])
            if label is None:
                check.report(path, line, "a class of classInd.txt", text)
            elif number not in (None, str(label + 1)):
                check.report(path, line, f"the class id {label + 1}", text)
            group = re.sub(r"_c\d+\.\w+$", "", name)
            check.add(subset, path, line, name, label, group)
    return check.result(tuple(classes))


def hmdb51(videos, lists, *, split=1):
    """HMDB-51 in its official layout.

    Args:
        videos: folder of `<class>/<video>.avi`, or None to read the lists without
            looking at the files, for instance beside prepared shards.
        lists: folder of `<class>_test_splitN.txt`: a video and its flag a line, 1
            for training, 2 for testing, 0 for neither.
        split: 1, 2 or 3.

    Returns:
        An `ActionSplit`. A group is the clips of a class cut from the same film: the
        names agree before `_<class>_`.

    Raises:
        ValueError: if lists or files are missing, broken or contradict each other.
    """
    _check_split(split)
    check = _Checker(videos)
    suffix = f"_test_split{split}.txt"
    paths = sorted(Path(lists).glob(f"*{suffix}"))
    classes = tuple(path.name.removesuffix(suffix) for path in paths)
    if not classes:
        raise ValueError(f"Expected lists *{suffix} in {lists}. Found none.")
    subsets = {"0": "unused", "1": "train", "2": "test"}
    for label, path in enumerate(paths):
        for line, text in check.lines(path):
            video, flag = _last_word(text)
            if flag not in subsets:
                check.report(path, line, "a video and a flag 0, 1 or 2", text)
            name = f"{classes[label]}/{video}"
            group = name.split(f"_{classes[label]}_")[0]
            check.add(subsets.get(flag), path, line, name, label, group)
    return check.result(classes)


def tsn_list(videos, lists):
    """Your own videos, in lists as TSN's: `path num_frames label` a line.

    Args:
        videos: folder that the paths start from, or None to read the lists without
            looking at the files.
        lists: folder of `classes.txt`, one name per line, `train.txt` and `test.txt`.
            Labels count from 0. `num_frames` must be positive, but the frames
            decoded are what counts.

    Returns:
        An `ActionSplit`. Every video is a group of its own.

    Raises:
        ValueError: if lists or files are missing, broken or contradict each other.
    """
    check = _Checker(videos)
    path = Path(lists, "classes.txt")
    classes = []
    for line, text in check.lines(path):
        if text in classes:
            check.report(path, line, "a new class", text)
        classes.append(text)
    for subset in ("train", "test"):
        path = Path(lists, f"{subset}.txt")
        for line, text in check.lines(path):
            rest, label = _last_word(text)
            name, count = _last_word(rest)
            label = int(label) if re.fullmatch(r"\d+", label or "") else None
            if label is None or label >= len(classes):
                check.report(path, line, f"a label in 0..{len(classes) - 1}", text)
                label = None
            if not re.fullmatch(r"0*[1-9]\d*", count or ""):
                check.report(path, line, "a positive number of frames", text)
            check.add(subset, path, line, name, label, name)
    return check.result(tuple(classes))


def class_folders(videos):
    """Your own videos, a folder per class: `<class>/<video>`, all for training.

    Args:
        videos: folder of the class folders, see `ClassFolder.open`.

    Returns:
        An `ActionSplit`. Every video is a group of its own.

    Raises:
        ValueError: if the layout is wrong.
    """
    folders = folder_videos.find_classes(Path(videos))
    entries = []
    for label, folder in enumerate(folders):
        for path in find_videos(folder):
            name = "/".join(map(folder_videos.name_of, (folder, path)))
            entries.append(ActionVideo(name, str(path), label, name))
    return ActionSplit(tuple(map(folder_videos.name_of, folders)), tuple(entries), ())


def _check_split(split):
    if split not in SPLITS:
        raise ValueError(f"Expected split to be one of {SPLITS}. Received: {split!r}.")


def _last_word(text):
    """What comes before the last word, where names may hold blanks, and the word."""
    rest, _, word = text.rpartition(" ")
    return (rest.strip(), word) if rest else (word, None)


class _Checker:
    """Collects the entries of the lists and everything that is wrong."""

    def __init__(self, videos):
        if videos is not None and not os.path.isdir(videos):
            raise ValueError(f"Expected videos to be a folder. Received: {videos}.")
        self.videos = videos
        self.subsets = {"train": [], "test": [], "unused": []}
        self.listed = {}  # name -> where it was listed first
        self.problems = []

    def lines(self, path):
        """Yields the number and text of each line that is not blank."""
        empty = True
        try:
            for number, text in limits.read_lines(path):
                empty = False
                yield number, text
        except FileNotFoundError:
            self.problems.append(f"{path} is missing.")
        except ValueError as error:
            self.problems.append(str(error))
        else:
            if empty:
                self.problems.append(f"{path} is empty.")

    def report(self, path, line, expected, received):
        self.problems.append(
            f"{path}:{line}: Expected {expected}. Received: {received!r}."
        )

    def add(self, subset, path, line, name, label, group):
        """Takes an entry, unless its name leads out of the folder or came before."""
        here = f"{path}:{line}"
        if not limits.is_inside(name):
            self.report(path, line, "a path below the folder of videos", name)
        elif name in self.listed:
            self.problems.append(
                f"{here}: {name} was listed before, in {self.listed[name]}."
            )
        elif subset and label is not None:
            self.listed[name] = here
            file = None if self.videos is None else os.path.join(self.videos, name)
            self.subsets[subset].append(ActionVideo(name, file, label, group))

    def _look_at(self, path):
        """Why the first frame of a video cannot be decoded, or None."""
        if problem := limits.link_problem(self.videos, path):
            return problem
        try:
            with open_video(path, MAX_PIXELS) as (container, stream):
                if next(decode(path, container, stream), None) is None:
                    return f"{path}: no frame could be decoded."
        except VideoError as error:
            return str(error)
        return None

    def result(self, class_names):
        """The split, if nothing is wrong."""
        entries = [video for subset in self.subsets.values() for video in subset]
        if self.videos is not None:
            problems = in_threads(self._look_at, [video.path for video in entries])
            self.problems += [
                f"{self.listed[video.name]}: {problem}"
                for video, problem in zip(entries, problems, strict=True)
                if problem
            ]
        if self.problems:
            raise ValueError(
                f"{len(self.problems)} problem(s) in the lists:\n"
                + limits.listing(self.problems)
            )
        subsets = {name: tuple(subset) for name, subset in self.subsets.items()}
        return ActionSplit(class_names, **subsets)
