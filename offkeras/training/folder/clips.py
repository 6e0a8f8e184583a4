"""What a training on kept features sees: videos of class folders, or a rendered set."""

import dataclasses
from collections.abc import Callable

import numpy as np

from offkeras.data.synthetic.human_actions import FRAME
from offkeras.training import options
from offkeras.training.actions.data import PEOPLE, mirrored_pair, open_class_folder

TRAIN, HELD_OUT, TEST = "train", "held_out", "test"


@dataclasses.dataclass(frozen=True)
class Clips:
    """Clips of one purpose.

    Attributes:
        class_names: names of the classes.
        labels: of the clips.
        views: of every clip.
        segments: of every view.
        frames: function of a size to a dataset of frames `(views, segments, size,
            size, 3)`, a clip each.
        files: pairs of the name of a file and its length, none where clips are drawn.
    """

    class_names: tuple
    labels: tuple
    views: int
    segments: int
    frames: Callable
    files: tuple = ()

    def __len__(self):
        return len(self.labels)


@options.bad_input()
def open_clips(o):
    """The clips of `--data`.

    Args:
        o: options of the training.

    Returns:
        `(parts, interval)`: dict with clips `"train"`, `"held_out"` to choose the epoch
        by and, of a rendered set, `"test"`; and the frames from segment to segment of a
        video.

    Raises:
        SystemExit: if there is nothing to learn, or an option is not for such clips.
    """
    if not o.data:
        raise ValueError("Expected a folder of class folders: offkeras train FOLDER.")
    return _rendered(o) if o.data in PEOPLE else _videos(o)


def _videos(o):
    if o.backgrounds:
        raise ValueError(
            f"Expected --backgrounds with {' or '.join(PEOPLE)} alone. "
            f"Received: {o.backgrounds} with {o.data}."
        )
    videos = open_class_folder(o)
    if len(videos.class_names) < 2:
        raise ValueError(
            f"Expected at least two class folders in {o.data}. "
            f"Received: {', '.join(videos.class_names)}."
        )
    train, held_out = videos.split(o.validation_fraction, seed=o.seed)
    print(
        f"{len(videos)} videos of {len(videos.class_names)} classes: {len(train)} to "
        f"train on, {len(held_out)} held out"
    )
    pair = mirrored_pair(train.class_names)
    if pair and o.flip == "auto":
        print(f"No clip is mirrored: {pair[0]} and {pair[1]} would be exchanged.")
    interval = int(np.median(train.num_frames)) // o.total_segments
    return of_videos({TRAIN: train, HELD_OUT: held_out}, o), max(interval, 1)


def of_videos(parts, o, modality="rgb"):
    """Clips of videos: random views to train on, whole videos of every other part.

    Args:
        parts: dict of `ClassFolder`, with that of `"train"`.
        o: options with `flip`, `seed`, `segments`, `size`, `total_segments` and
            `views`.
        modality: what a segment shows, see `modalities`.

    Returns:
        Dict of `Clips`.

    Raises:
        ValueError: if videos do not have the modality.
    """
    train = parts[TRAIN]
    flip = o.flip == "yes" or (
        o.flip == "auto" and mirrored_pair(train.class_names) is None
    )
    shared = dict(modality=modality, total_segments=o.total_segments, scheme="paper")

    def views(size):
        return train.views(
            o.views,
            seed=o.seed,
            num_segments=o.segments,
            size=size,
            scales=None,
            flip=flip,
            **shared,
        )

    def whole(videos):
        return lambda size: _frames(
            videos.evaluate(
                batch_size=1, num_segments=o.total_segments, size=size, **shared
            )
        )

    def clips(part, count, segments, frames):
        return Clips(part.class_names, part.labels, count, segments, frames, part.files)

    return {
        name: clips(part, o.views, o.segments, views)
        if name == TRAIN
        else clips(part, 1, o.total_segments, whole(part))
        for name, part in parts.items()
    }


def _rendered(o):
    if o.flip == "yes":
        raise ValueError(
            f"Expected --flip to be auto or no: {o.data} mirrors what may be mirrored. "
            "Received: yes."
        )
    clips = PEOPLE[o.data].open(
        clips_per_epoch=o.clips,
        evaluation_clips=o.test_clips,
        backgrounds=o.backgrounds or None,
    )
    classes = len(clips.class_names)
    print(
        f"{o.data}: {o.clips * o.views} clips of {classes} classes to train on, "
        f"{o.test_clips} held out, {o.test_clips} to test on"
    )
    shape = dict(num_segments=o.segments, modality="rgb")

    def views(size):
        return clips.views(o.views, seed=o.seed, size=size, **shape)

    def others(subset):
        def frames(size):
            return _frames(
                clips.evaluate(batch_size=1, subset=subset, size=size, **shape)
            )

        return frames

    def part(count, number, frames):
        labels = tuple(index % classes for index in range(count))
        return Clips(clips.class_names, labels, number, o.segments, frames)

    parts = {
        TRAIN: part(o.clips, o.views, views),
        HELD_OUT: part(o.test_clips, 1, others("validation")),
        TEST: part(o.test_clips, 1, others("test")),
    }
    return parts, round(clips.interval / FRAME)


def _frames(batches):
    return batches.map(lambda frames, _: frames)
