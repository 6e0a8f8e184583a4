"""The videos of class folders, found, checked and split; without TensorFlow."""

import dataclasses
import os
import pathlib

import numpy as np

from offkeras.data.parallel import in_threads
from offkeras.storage.limits import check_on_error, listing
from offkeras.video import VideoError, VideoInfo, probe
from offkeras.video.search import VIDEO_SUFFIXES, find_others, find_videos

LABEL_MODES = ("int", "categorical", "binary", None)
SUBSETS = ("training", "validation", "both")


@dataclasses.dataclass(frozen=True)
class FolderVideo:
    """A video in the folder of its class.

    Attributes:
        info: what `probe` found; reading uses its index.
        label: position in `class_names`.
    """

    info: VideoInfo
    label: int

    @property
    def name(self):
        """The path of the file."""
        return self.info.path

    @property
    def group(self):
        """What a split keeps together: the file."""
        return self.info.path

    @property
    def num_frames(self):
        """Number of its frames."""
        return self.info.num_frames


@dataclasses.dataclass(frozen=True)
class FoundVideos:
    """What `find_labelled` found; the attributes are those of `ClassFolder`."""

    class_names: tuple
    videos: tuple
    skipped: tuple
    others: tuple


def find_labelled(root, class_names=None, on_error="raise"):
    """Finds the videos under `root` and checks every one of them.

    Its arguments and errors are those of `ClassFolder.open`.

    Returns:
        `FoundVideos`.
    """
    check_on_error(on_error)
    root = pathlib.Path(root)
    folders = find_classes(root, class_names)
    class_names = tuple(class_names or map(name_of, folders))
    files = [
        (path, name_of(folder)) for folder in folders for path in find_videos(folder)
    ]
    results = in_threads(_probe, [path for path, _ in files])
    results = [(*file, r) for file, r in zip(files, results, strict=True)]
    good = [row for row in results if isinstance(row[2], VideoInfo)]
    skipped = tuple(
        (str(path), error.reason)
        for path, _, error in results
        if isinstance(error, VideoError)
    )
    if skipped and on_error == "raise":
        raise ValueError(
            f"{len(skipped)} of {len(files)} videos in {root} cannot be read "
            '(on_error="skip" leaves them out):\n'
            + listing([f"{path}: {reason}" for path, reason in skipped])
        )
    for folder in folders:
        if name_of(folder) not in {name for _, name, _ in good}:
            raise ValueError(f"No video of class folder {folder} can be read.")
    videos = tuple(FolderVideo(info, class_names.index(name)) for _, name, info in good)
    others = tuple(
        str(path) for folder in folders for path in find_others(folder, VIDEO_SUFFIXES)
    )
    return FoundVideos(class_names, videos, skipped, others)


def split_groups(videos, class_names, validation_fraction, seed):
    """The videos to train on and those held out, see `LabelledVideos.split`."""
    if not 0 < validation_fraction < 1:
        raise ValueError(
            "Expected validation_fraction between 0 and 1. "
            f"Received: {validation_fraction}."
        )
    held_out = set()
    for label in sorted({v.label for v in videos}):
        groups = sorted({v.group for v in videos if v.label == label})
        if len(groups) < 2:
            raise ValueError(
                f"Class {class_names[label]!r} has one group of videos, "
                f"{groups[0]}; a split needs at least two."
            )
        count = max(round(len(groups) * validation_fraction), 1)
        rng = np.random.Generator(np.random.Philox(key=[seed, label]))
        chosen = rng.permutation(groups)[: min(count, len(groups) - 1)]
        held_out |= {(label, group) for group in chosen}
    sides = [], []
    for video in videos:
        sides[(video.label, video.group) in held_out].append(video)
    return tuple(map(tuple, sides))


def _probe(path):
    """What a video holds, or the error."""
    try:
        return probe(path)
    except VideoError as error:
        return error


def name_of(path):
    """The name of a class folder, or of a video: UTF-8, whatever the locale is.

    Raises:
        ValueError: if it is no UTF-8, which a list could not hold.
    """
    name = os.fsencode(path.name)
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Expected the name of {path} in UTF-8. Received: {name}."
        ) from error


def find_classes(root, class_names=None):
    """The class folders under `root`, sorted, after checking the layout."""
    if not root.is_dir():
        raise ValueError(
            f"Expected a folder of class folders. Received: {root}, which is none."
        )
    strays = find_videos(root)
    if strays:
        raise ValueError(
            f"Expected videos in one folder per class. {root} itself holds "
            f"{len(strays)}, among them {strays[0].name}."
        )
    folders = sorted(p for p in root.iterdir() if p.is_dir() and p.name[0] != ".")
    lost = [p for p in root.iterdir() if p.is_symlink() and not p.exists()]
    if lost:
        raise ValueError(
            f"Expected a folder per class in {root}. {min(lost)} is a link to "
            f"{os.readlink(min(lost))}, which is not there."
        )
    if not folders:
        raise ValueError(f"Expected a folder per class in {root}. Found none.")
    for folder in folders:
        name = name_of(folder)
        if class_names is not None and name not in class_names:
            raise ValueError(
                f"Class folder {folder} is not among the class_names "
                f"{tuple(class_names)}."
            )
        inner = [p for p in folder.iterdir() if p.is_dir() and p.name[0] != "."]
        if inner:
            raise ValueError(
                f"Expected only files in class folder {folder}. It holds the folder "
                f"{inner[0].name}, whose videos would be lost."
            )
        if not find_videos(folder):
            raise ValueError(
                f"Class folder {folder} holds no video ({', '.join(VIDEO_SUFFIXES)})."
            )
    return folders


def check_options(
    labels, label_mode, image_size, seed, validation_split, subset, subsets
):
    """Refuses values that `video_dataset_from_directory` does not describe."""
    if labels not in ("inferred", None):
        raise ValueError(
            f"Expected labels to be 'inferred' or None. Received: {labels!r}."
        )
    if label_mode not in LABEL_MODES:
        raise ValueError(
            f"Expected label_mode to be one of {LABEL_MODES}. Received: {label_mode!r}."
        )
    if len(image_size) != 2 or image_size[0] != image_size[1]:
        raise ValueError(f"Expected a square image_size. Received: {image_size}.")
    if (validation_split is None) != (subset is None):
        raise ValueError(
            "Expected validation_split and subset together. Received: "
            f"validation_split={validation_split}, subset={subset!r}."
        )
    if subset not in (None, *subsets):
        raise ValueError(
            f"Expected subset to be one of {subsets}. Received: {subset!r}."
        )
    if subset in SUBSETS[:2] and seed is None:
        raise ValueError(
            f"Expected a seed with subset={subset!r}: with the same one, the other "
            "subset holds the other videos."
        )


def check_classes(found, label_mode):
    """Refuses binary labels of more or fewer than two classes."""
    if label_mode == "binary" and len(found.class_names) != 2:
        raise ValueError(
            "Expected two classes with label_mode='binary'. "
            f"Received: {len(found.class_names)}, {found.class_names}."
        )


def print_found(found):
    """Prints how many videos were found, and which files are none."""
    print(f"Found {len(found.videos)} videos of {len(found.class_names)} classes.")
    for path, reason in found.skipped:
        print(f"skipped {path}: {reason}")
    for path in found.others:
        print(f"passed over {path}, which is no video by its name")
