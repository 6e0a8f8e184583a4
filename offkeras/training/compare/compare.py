"""Trains and tests systems of motion recognition on the same videos, and compares them.

    offkeras compare my_videos --output runs/compare      # my_videos/<class>/*.mp4
    offkeras compare my_videos --systems off flow codec --seeds 0

Every system has the same fixed backbone and the same budget, that of `offkeras train
FOLDER`. Each seed has its own split by file: to train on, to choose the epoch by, and
to test on; test files choose nothing. What the backbone makes of the clips is computed
once for all systems that look at the same.
"""

import dataclasses
import functools
import shutil
import time

import numpy as np

from offkeras.training import options, run
from offkeras.training.actions.scores import accuracies
from offkeras.training.compare import table, timing, trial
from offkeras.training.compare.systems import (
    SYSTEMS,
    System,
    build,
    make,
    make_backbone,
)
from offkeras.training.compare.videos import open_videos
from offkeras.training.folder import clips, train
from offkeras.training.folder.budget import Budget
from offkeras.training.options import option
from offkeras.training.replicas import devices
from offkeras.training.replicas import remote_output as mirror

TELLING = ("rgb", "off", "off_t", "hypercolumn", "tdn", "rgb_diff", "flow")
WORK = "work"  # features and checkpoints of what is not done


@dataclasses.dataclass(frozen=True)
class Options(Budget, options.MachineOptions):
    """All defaults."""

    data: str = option("", "a folder of class folders")
    output: str = option("runs/compare", "folder of the tables")
    systems: tuple = option(
        TELLING, f"some of {', '.join(SYSTEMS)}", choices=tuple(SYSTEMS)
    )
    seeds: tuple = option((0, 1, 2), "of split, views, weights and order", least=0)
    test: str = option("", "class folders to test on; default: a share of the videos")
    test_fraction: float = option(0.25, "share of each class to test on")
    on_error: str = option(
        "raise",
        "or 'skip' bad videos, and systems that cannot be run on the videos",
        choices=("raise", "skip"),
    )

    @property
    def seed(self):
        """The first of the seeds."""
        return self.seeds[0]

    def of_seed(self, seed):
        """The options of the trainings of a seed."""
        budget = (field.name for field in dataclasses.fields(Budget))
        shared = {name: getattr(self, name) for name in budget}
        return SeedOptions(
            seed=seed, data=self.data, test_fraction=self.test_fraction, **shared
        )


@dataclasses.dataclass(frozen=True)
class SeedOptions(Budget, options.RunOptions):
    """What a seed's split and trainings depend on."""

    data: str = ""
    test_fraction: float = 0.25


def main(argv=None, *, prog=None):
    """Runs what has no row yet, and writes the tables."""
    o = options.parse(Options, {}, __doc__, argv, prog)
    with run.start(o, free=("systems", "seeds")) as (o, output, strategy):
        compare(o, output, strategy)


def compare(o, output, strategy):
    """The comparison itself."""
    videos = open_videos(o)
    run.agree_on_data(output, videos.files)
    done = {(row["system"], int(row["seed"])) for row in table.read_rows(output)}
    missing = {
        seed: [name for name in dict.fromkeys(o.systems) if (name, seed) not in done]
        for seed in dict.fromkeys(o.seeds)
    }
    names = {name: None for some in missing.values() for name in some}
    if names:
        can_run = runnable(videos, names, o)
        missing = {s: [n for n in some if n in can_run] for s, some in missing.items()}
    progress = Progress(sum(map(len, missing.values())))
    for seed, some in missing.items():
        of_seed, parts = o.of_seed(seed), videos.split(o.of_seed(seed))
        for modality, group in by_modality(some).items():
            shared = seeing_for(by_modality(o.systems)[modality])
            work = output / WORK / f"{modality}_{seed}"
            run_group(group, shared, parts, of_seed, output, work, strategy, progress)
            shutil.rmtree(work)
    shutil.rmtree(output / WORK, ignore_errors=True)
    classes = len(videos.own.class_names)
    table.write_summary(
        output,
        f"Accuracy on test videos of {classes} classes, mean over the seeds; "
        f"milliseconds of one video as {o.total_segments} frames of {o.size}x{o.size}. "
        f"Backbone: {o.backbone}, fixed.",
    )


def by_modality(names):
    """Names of systems by what they look at."""
    groups = {}
    for name in names:
        groups.setdefault(SYSTEMS[name].modality, []).append(name)
    return groups


def seeing_for(names):
    """The system whose features serve all of some that look at the same."""
    alone = all(SYSTEMS[name].motion is None for name in names)
    return System(SYSTEMS[names[0]].modality, None if alone else {})


@options.bad_input()
def runnable(videos, names, o):
    """Those of the systems that can be run: each is built once, nothing is trained.

    Args:
        videos: the `Videos`.
        names: of systems.
        o: the options.

    Returns:
        List of names.

    Raises:
        SystemExit: if a system cannot be run and `--on-error` is no skip, or if none
            can.
    """
    problems, found = {}, []
    for modality, group in by_modality(names).items():
        try:
            for folder in videos.all:
                folder.steps(modality=modality, size=o.size)  # refuses videos
            backbone = make_backbone(modality, o)
        except (ValueError, ImportError, OSError) as error:
            problems |= dict.fromkeys(group, error)
            continue
        for name in group:
            try:
                build(SYSTEMS[name], len(videos.own.class_names), backbone, o)
                found.append(name)
            except ValueError as error:
                problems[name] = error
    told = [f"{name} cannot be run: {error}" for name, error in problems.items()]
    if told and (o.on_error == "raise" or not found):
        advice = "--on-error skip leaves it out." if found else "No system is left."
        raise ValueError("\n".join([*told, advice]))
    for line in told:
        print(f"Left out: {line}")
    return found


def run_group(names, shared, parts, o, output, work, strategy, progress):
    """Trains and tests systems that look at the same, and writes their rows.

    Args:
        names: of the systems.
        shared: the `System` whose features serve all of them.
        parts: dict of `ClassFolder`.
        o: the `SeedOptions`.
        output: folder of the table.
        work: folder of features and checkpoints.
        strategy: the strategy of the run.
        progress: the `Progress`.
    """
    modality = shared.modality
    print(f"\nSeed {o.seed}, {modality}: {', '.join(names)}")
    with options.bad_input():
        views = clips.of_videos(parts, o, modality)
        frames, decode, make_input = timing.of_input(parts[clips.TEST], modality, o)
    train.tell_class_weights(views[clips.TRAIN], o)
    classes = len(views[clips.TRAIN].class_names)
    with strategy.scope():
        backbone = make_backbone(modality, o)
        new = functools.partial(make, num_classes=classes, backbone=backbone, o=o)
        extract = trial.extractor(new(shared))
    kept = train.keep_features(views, extract, o.size, o, work)
    see = timing.of_network(devices.forward(extract), {"frames": frames})
    labels = np.array(views[clips.TEST].labels)
    for name in names:
        progress.begin(name, o.seed)
        with strategy.scope():
            recognizer = new(SYSTEMS[name])
        scores, heads = trial.train_and_test(
            recognizer, views, kept, o, work / name, strategy, trial.Quiet()
        )
        features = trial.named(kept[clips.TEST], heads)
        clip = {key: array[0, :1] for key, array in features.items()}
        network = see + timing.of_network(devices.forward(heads), clip)
        accuracy = accuracies(scores["fused"], labels)[0]
        row = {
            "system": name,
            "seed": o.seed,
            "accuracy": f"{accuracy:.4f}",
            "test_videos": len(labels),
            "parameters": recognizer.count_params(),
            "trained_parameters": heads.count_params(),
            "decode_ms": f"{decode:.2f}",
            "input_ms": f"{make_input:.2f}",
            "network_ms": f"{network:.2f}",
        }
        table.add_row(output, row)
        shutil.rmtree(work / name)
        mirror.upload()
        progress.end(accuracy, len(labels))


class Progress:
    """Lines that say what runs, what came of it, and how long is left.

    Args:
        count: trainings to run.
    """

    def __init__(self, count):
        self.count, self.done, self.start = count, 0, time.monotonic()

    def begin(self, name, seed):
        """Says what is trained now."""
        print(f"{self.done + 1}/{self.count} {name}, seed {seed} ...", flush=True)

    def end(self, accuracy, videos):
        """Says what came of it."""
        self.done += 1
        each = (time.monotonic() - self.start) / self.done
        left = each * (self.count - self.done) / 60
        print(
            f"    {accuracy:6.1%} of {videos} test videos; {left:.0f} min left",
            flush=True,
        )
