"""The clips of action recognition: embedded, from class folders, or prepared."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from offkeras import data
from training import options

EMBEDDED = {"camera_motion": data.CameraMotion, "acceleration": data.Acceleration}
DATASETS = {"ucf101": data.ucf101, "hmdb51": data.hmdb51}
# TSN takes flow no smaller than three quarters of the frame.
FLOW_SCALES = (1, 0.875, 0.75)


@dataclasses.dataclass(frozen=True)
class Clips:
    """Training, validation and test clips; they share no video."""

    class_names: tuple
    steps_per_epoch: int
    train: Callable  # (stage, initial_epoch, epochs, part) -> (frames, labels)
    validation: Callable  # (stage) -> dataset, None where nothing is held out
    test: tf.data.Dataset


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
        real = {"modality": o.modality}
    else:
        train, validation, test = _open_folder(o)
        real = {}
    counts = [f"{len(train)} videos to train on"]
    if validation is test:
        counts.append(f"{len(test)} held out, to validate and test on")
    else:
        counts += [f"{len(validation)} for validation"] if validation else []
        counts.append(f"{len(test)} to test on")
    print(", ".join(counts))

    shape = dict(size=o.size, batch_size=o.batch_size, **real)

    def segments(stage):
        # TSN spreads its segments over the whole video, OFF keeps the Δt of testing.
        if stage == "appearance":
            count = o.appearance_segments
            return dict(num_segments=count, total_segments=count, scheme="paper")
        return dict(num_segments=o.num_segments, scheme=o.scheme)

    def train_dataset(stage, **epochs):
        scales = {"scales": FLOW_SCALES} if o.modality == "flow" else {}
        return train.train_dataset(
            seed=o.seed, **shape, **scales, **segments(stage), **epochs
        )

    def validation_dataset(stage):
        if validation is None:
            return None
        return validation.test_dataset(**shape, **segments(stage))

    return Clips(
        class_names=train.class_names,
        steps_per_epoch=train.steps_per_epoch(o.batch_size),
        train=train_dataset,
        validation=validation_dataset,
        test=test.test_dataset(
            **{**shape, "batch_size": min(o.batch_size, 8)},
            num_segments=o.test_segments,
            scheme=o.scheme,
        ),
    )


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
        SystemExit: if `dataset` is unknown or data are not as expected.
    """
    if o.dataset not in DATASETS:
        raise SystemExit(
            f"--dataset must be one of {', '.join(DATASETS)}. Received: {o.dataset!r}."
        )
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
    if o.modality != "rgb":
        raise SystemExit(
            f"--modality {o.modality} needs prepared videos (training.prepare_videos) "
            f"and --dataset. Received: --data {o.data}."
        )
    if not o.validation_fraction:
        raise SystemExit(
            "--validation-fraction must be above 0 for class folders: it is what the "
            "recognizer is tested on."
        )
    videos = data.ClassFolder.scan(o.data, on_error=o.on_error)
    for path, reason in videos.skipped:
        print(f"skipped {path}: {reason}")
    train, held_out = videos.split(o.validation_fraction, seed=o.seed)
    return train, held_out, held_out


def _embedded(o):
    """Sets that render clips of their own; every stage sees the same kind."""
    source = EMBEDDED[o.data](
        clips_per_epoch=o.clips_per_epoch, evaluation_clips=o.evaluation_clips
    )
    shape = dict(size=o.size, batch_size=o.batch_size)
    if o.data == "acceleration":
        shape["modality"] = o.modality
    elif o.modality != "rgb":
        raise SystemExit(f"camera_motion is RGB. Received: --modality {o.modality}.")

    def segments(stage):
        return o.appearance_segments if stage == "appearance" else o.num_segments

    return Clips(
        class_names=source.class_names,
        steps_per_epoch=source.steps_per_epoch(o.batch_size),
        train=lambda stage, **epochs: source.train_dataset(
            num_segments=segments(stage), seed=o.seed, **shape, **epochs
        ),
        validation=lambda stage: source.validation_dataset(
            num_segments=segments(stage), **shape
        ),
        test=source.test_dataset(num_segments=o.test_segments, **shape),
    )
