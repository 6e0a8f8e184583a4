"""Writes the moving objects as files, in the layout that `vid` reads."""

import functools
import json
import threading
from pathlib import Path

import numpy as np

from offkeras.data.detection.annotation import write_annotation
from offkeras.data.detection.classes import write_classes
from offkeras.data.detection.imagenet_vid import sampled_positions
from offkeras.data.parallel import in_threads
from offkeras.data.synthetic.moving_objects import CLASSES, load_footage, render_snippet
from offkeras.storage.writing import write_text, written_whole

# Split -> number of snippets, and of frames in each. Those that motion is measured on
# are longer: the motion IoU tells slow from fast over many frames.
SPLITS = {"train": (800, 6), "validation": (100, 12), "test": (100, 12)}
JPEG_QUALITY = 95


def write_moving_objects(
    root, *, splits=SPLITS, seed=0, workers=None, done=None, for_each=None
):
    """Writes the snippets that are not there yet, then the lists.

    `classes.txt` names the classes. Each split has the lists `VID_<split>_15frames`,
    `VID_<split>_videos` and `VID_<split>_frames`. Snippet n of a split is a function
    of (seed, split, n).

    Args:
        root: folder of the dataset.
        splits: dict of a split and its numbers of snippets and of frames in each.
        seed: integer, not negative; another seed gives other snippets.
        workers: snippets at a time. Default: one a processor.
        done: called with the number of snippets that are finished.
        for_each: function that calls another with every snippet, see
            `beam.for_each`, instead of `workers`; `done` is not called.

    Raises:
        ValueError: if `root` was begun with another seed or other splits.
    """
    root = Path(root)
    _check_settings(
        root, {"seed": seed, "splits": {k: [*v] for k, v in splits.items()}}
    )
    write_classes(root / "classes.txt", CLASSES)
    write = functools.partial(_write_snippet, root=str(root), seed=seed)
    snippets = [
        (stream, split, number, num_frames)
        for stream, (split, (count, num_frames)) in enumerate(splits.items())
        for number in range(count)
    ]
    for_each = for_each or functools.partial(in_threads, workers=workers, done=done)
    for_each(write, snippets)
    for split, (count, num_frames) in splits.items():
        _write_lists(root, split, count, num_frames)


def _name(split, number):
    return f"{split}/{split}_{number:05}"


def _check_settings(root, settings):
    path = root / "moving_objects.json"
    if not path.exists():
        write_text(path, json.dumps(settings) + "\n")
    before = json.loads(path.read_text("utf-8"))
    if before != settings:
        raise ValueError(
            f"Expected {path} to say {settings}, to go on there. Received: {before}."
        )


# Footage is read once, when the first snippet needs it.
_FOOTAGE_LOCK = threading.Lock()


@functools.lru_cache(maxsize=1)
def _load_footage(split):
    return load_footage(split)


def _write_snippet(snippet, *, root, seed):
    """Writes a snippet; its folder of images appears last, and whole."""
    import cv2

    stream, split, number, num_frames = snippet
    name = _name(split, number)
    images = Path(root, "Data/VID", name)
    annotations = Path(root, "Annotations/VID", name)
    if images.exists():
        return
    with _FOOTAGE_LOCK:
        footage = _load_footage(split)
    key = np.uint64([seed, (stream << 32) + number])
    rng = np.random.Generator(np.random.Philox(key=key))
    annotations.mkdir(parents=True, exist_ok=True)
    frames, truths, speeds = render_snippet(footage, rng, num_frames=num_frames)
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


def _write_lists(root, split, count, num_frames):
    names = [_name(split, number) for number in range(count)]
    lists = {
        "15frames": [
            f"{name} 1 {position} {num_frames}"
            for name in names
            for position in sampled_positions(num_frames)
        ],
        "videos": [
            f"{name} {1 + i * num_frames} 0 {num_frames}"
            for i, name in enumerate(names)
        ],
        "frames": [
            f"{name}/{position:06} {1 + i * num_frames + position}"
            for i, name in enumerate(names)
            for position in range(num_frames)
        ],
    }
    folder = root / "ImageSets"
    for name, lines in lists.items():
        text = "".join(f"{line}\n" for line in lines)
        write_text(folder / f"VID_{split}_{name}.txt", text)
