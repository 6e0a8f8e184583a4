"""Writes rendered snippets as files, in the layout of ImageNet VID."""

import collections.abc
import dataclasses
import functools
import json
from pathlib import Path

import numpy as np

from offkeras.data.detection.annotation import write_annotation
from offkeras.data.detection.classes import write_classes
from offkeras.data.detection.imagenet_vid import sampled_positions
from offkeras.data.parallel import in_threads
from offkeras.storage.writing import write_text, written_whole

JPEG_QUALITY = 95


@dataclasses.dataclass(frozen=True)
class SnippetSet:
    """A detection set that is rendered.

    Attributes:
        name: of the set.
        classes: name in the XML -> name to show, in the order of the classes.
        splits: split -> number of snippets, and of frames in each.
        render: function of a split, a NumPy random generator and a number of frames
            to uint8 RGB frames, an `Annotation` of each, and the speeds of the objects
            in pixels per frame, or None. Processes may call it, and threads.
        last_only: whether the last frames alone are detected in.
        settings: dict of what else the snippets depend on.
    """

    name: str
    classes: dict
    splits: dict
    render: collections.abc.Callable
    last_only: bool = False
    settings: dict = dataclasses.field(default_factory=dict)


def write_snippets(
    snippets, root, *, splits=None, seed=0, workers=None, done=None, for_each=None
):
    """Writes the snippets that are not there yet, then the lists.

    `classes.txt` names the classes. Each split has the lists `VID_<split>_15frames`,
    `VID_<split>_videos` and `VID_<split>_frames`. Snippet n of a split is a function
    of (seed, split, n).

    Args:
        snippets: the `SnippetSet`.
        root: folder of the dataset.
        splits: dict of a split and its numbers of snippets and of frames in each.
            Default: those of the set.
        seed: integer, not negative; another seed gives other snippets.
        workers: snippets at a time. Default: one a processor.
        done: called with the number of snippets that are finished.
        for_each: function that calls another with every snippet, see
            `beam.for_each`, instead of `workers`; `done` is not called.

    Raises:
        ValueError: if `root` was begun with another seed or other splits.
    """
    root, splits = Path(root), splits or snippets.splits
    _check_settings(
        root / f"{snippets.name}.json",
        {
            "seed": seed,
            "splits": {k: [*v] for k, v in splits.items()},
            **snippets.settings,
        },
    )
    write_classes(root / "classes.txt", snippets.classes)
    write = functools.partial(
        _write_snippet, render=snippets.render, root=str(root), seed=seed
    )
    numbers = [
        (stream, split, number, num_frames)
        for stream, (split, (count, num_frames)) in enumerate(splits.items())
        for number in range(count)
    ]
    for_each = for_each or functools.partial(in_threads, workers=workers, done=done)
    for_each(write, numbers)
    for split, (count, num_frames) in splits.items():
        _write_lists(root, split, count, num_frames, snippets.last_only)


def _name(split, number):
    return f"{split}/{split}_{number:05}"


def _check_settings(path, settings):
    if not path.exists():
        write_text(path, json.dumps(settings) + "\n")
    before = json.loads(path.read_text("utf-8"))
    if before != settings:
        raise ValueError(
            f"Expected {path} to say {settings}, to go on there. Received: {before}."
        )


def _write_snippet(snippet, *, render, root, seed):
    """Writes a snippet; its folder of images appears last, and whole."""
    import cv2

    stream, split, number, num_frames = snippet
    name = _name(split, number)
    images = Path(root, "Data/VID", name)
    annotations = Path(root, "Annotations/VID", name)
    if images.exists():
        return
    key = np.uint64([seed, (stream << 32) + number])
    rng = np.random.Generator(np.random.Philox(key=key))
    annotations.mkdir(parents=True, exist_ok=True)
    frames, truths, speeds = render(split, rng, num_frames)
    with written_whole(images) as temporary:
        temporary.mkdir()
        for number, (frame, truth) in enumerate(zip(frames, truths, strict=True)):
            write_annotation(
                annotations / f"{number:06}.xml", truth, folder=name, speeds=speeds
            )
            bgr = np.ascontiguousarray(frame[..., ::-1])
            quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
            _, data = cv2.imencode(".jpg", bgr, quality)
            (temporary / f"{number:06}.JPEG").write_bytes(data.tobytes())


def _write_lists(root, split, count, num_frames, last_only):
    names = [_name(split, number) for number in range(count)]
    sampled, positions = sampled_positions(num_frames), range(num_frames)
    if last_only:
        sampled = positions = positions[-1:]
    lists = {
        "15frames": [
            f"{name} 1 {position} {num_frames}"
            for name in names
            for position in sampled
        ],
        "videos": [
            f"{name} {1 + i * num_frames} 0 {num_frames}"
            for i, name in enumerate(names)
        ],
        "frames": [
            f"{name}/{position:06} {1 + i * num_frames + position}"
            for i, name in enumerate(names)
            for position in positions
        ],
    }
    folder = root / "ImageSets"
    for name, lines in lists.items():
        text = "".join(f"{line}\n" for line in lines)
        write_text(folder / f"VID_{split}_{name}.txt", text)
