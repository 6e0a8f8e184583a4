"""The clips of action recognition: embedded, from class folders, or prepared."""

import dataclasses
import re
from collections.abc import Callable

import tensorflow as tf

from offkeras import data
from offkeras.storage.limits import listing
from offkeras.training import options

PEOPLE = {
    "human_actions": data.HumanActions,
    "appearance_motion": data.AppearanceMotion,
}
EMBEDDED = {
    "camera_motion": data.CameraMotion,
    "acceleration": data.Acceleration,
    **PEOPLE,
}
LEFT = re.compile("left", re.IGNORECASE)
DATASETS = {"ucf101": data.ucf101, "hmdb51": data.hmdb51}


@dataclasses.dataclass(frozen=True)
class Clips:
    """Training, validation and test clips; they share no video."""

    class_names: tuple
    steps_per_epoch: int
    train: Callable  # (stage, stream, outputs) -> dataset for `fit`
    validation: Callable  # (stage) -> dataset, None where nothing is held out
    test: tf.data.Dataset
    files: tuple = ()  # pairs of name and size of all videos


@options.bad_input()
def load_clips(o):
    """The dataset that the options name, checked before the first epoch.

    Args:
        o: `action_presets.Options`.

    Returns:
        `Clips`.

    Raises:
        SystemExit: if options do not go together or data are not as expected.
    """
    if o.data in EMBEDDED:
        return _embedded(o)
    if o.dataset:
        train, validation, test = open_prepared(o)
    else:
        train, validation, test = _open_folder(o)
    counts = [f"{len(train)} videos to train on"]
    if validation is test:
        counts.append(f"{len(test)} held out, to validate and test on")
    else:
        counts += [f"{len(validation)} for validation"] if validation else []
        counts.append(f"{len(test)} to test on")
    print(", ".join(counts))
    pair = mirrored_pair(train.class_names)
    if o.flip and pair:
        print(
            f"Warning: half of the clips are mirrored, and {pair[0]} and {pair[1]} may "
            "be each other's mirror image: --no-flip leaves clips as they are."
        )

    shape = dict(size=o.size, batch_size=o.batch_size, modality=o.modality)

    def segments(stage):
        # TSN spreads its segments over the whole video, OFF keeps the Δt of testing.
        if stage == "appearance":
            count = o.appearance_segments
            return dict(num_segments=count, total_segments=count, scheme="paper")
        return dict(num_segments=o.num_segments, scheme=o.scheme)

    def validation_clips(stage):
        if validation is None:
            return None
        return validation.evaluate(**shape, **segments(stage))

    return Clips(
        class_names=train.class_names,
        steps_per_epoch=train.steps_per_epoch(o.batch_size),
        files=tuple(
            file for part in (train, validation, test) if part for file in part.files
        ),
        train=lambda stage, stream, outputs: train.train(
            stream, outputs=outputs, flip=o.flip, **shape, **segments(stage)
        ),
        validation=validation_clips,
        test=test.evaluate(
            **{**shape, "batch_size": min(o.batch_size, 8)},
            num_segments=o.test_segments,
            scheme=o.scheme,
        ),
    )


def mirrored_pair(class_names):
    """The first two classes whose names differ in left and right alone, or None."""
    for name in class_names:
        other = LEFT.sub("right", name)
        if other != name and other in class_names:
            return name, other
    return None


@options.bad_input()
def open_prepared(o):
    """Prepared videos of an official split.

    Args:
        o: options with `data`, `dataset`, `lists`, `split`, `validation_fraction`,
            `seed` and `on_error`.

    Returns:
        `(train, validation, test)`, `data.PreparedVideos`; validation is None where
        `validation_fraction` is 0.

    Raises:
        SystemExit: if data are not as expected.
    """
    split = DATASETS[o.dataset](None, o.lists, split=o.split)
    train, test = (
        data.PreparedVideos.open(o.data, videos, on_error=o.on_error)
        for videos in (split.train, split.test)
    )
    for name, reason in (*train.skipped, *test.skipped):
        print(f"skipped {name}: {reason}")
    validation = None
    if o.validation_fraction:
        train, validation = train.split(o.validation_fraction, seed=o.seed)
    return train, validation, test


def _open_folder(o):
    """Class folders; without lists the test is on what is held out."""
    if not o.validation_fraction:
        raise SystemExit(
            "--validation-fraction must be above 0 for class folders: it is what the "
            "recognizer is tested on."
        )
    videos = open_class_folder(o)
    train, held_out = videos.split(o.validation_fraction, seed=o.seed)
    return train, held_out, held_out


def _embedded(o):
    """Sets that render clips of their own; every stage sees the same kind."""
    source = EMBEDDED[o.data].open(
        clips_per_epoch=o.clips_per_epoch, evaluation_clips=o.evaluation_clips
    )
    shape = dict(size=o.size, batch_size=o.batch_size, modality=o.modality)
    if o.modality not in source.modalities:
        raise SystemExit(
            f"Expected --modality of {o.data} to be one of "
            f"{', '.join(source.modalities)}. Received: {o.modality}."
        )

    def segments(stage):
        return o.appearance_segments if stage == "appearance" else o.num_segments

    return Clips(
        class_names=source.class_names,
        steps_per_epoch=source.steps_per_epoch(o.batch_size),
        train=lambda stage, stream, outputs: source.train(
            stream, num_segments=segments(stage), outputs=outputs, **shape
        ),
        validation=lambda stage: source.evaluate(
            subset="validation", num_segments=segments(stage), **shape
        ),
        test=source.evaluate(num_segments=o.test_segments, **shape),
    )


def open_class_folder(o):
    """Class folders, and a line for all that is passed over.

    Args:
        o: options with `data` and `on_error`.
    """
    videos = data.ClassFolder.open(o.data, on_error=o.on_error)
    for path, reason in videos.skipped:
        print(f"skipped {path}: {reason}")
    if videos.others:
        print(
            f"Passed over {len(videos.others)} files that are no videos by their "
            "names:\n" + listing(videos.others)
        )
    return videos
