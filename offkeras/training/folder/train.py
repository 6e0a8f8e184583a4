"""Trains on a folder of class folders of videos, with defaults that work.

    offkeras train my_videos --output runs/mine      # my_videos/<class>/*.mp4
    offkeras train human_actions --output runs/people     # a set that is rendered

The backbone is EfficientNet-Lite0 as ImageNet left it; it is not trained. What it
makes of every clip is computed once, for several crops and stretches of each video,
and OFF and the classifiers learn from that (section 4.2.1). A fifth of the files is
held out to choose the best epoch by.
"""

import dataclasses
import functools
import shutil

import keras
import numpy as np

from offkeras import backbones, inference, models, tasks
from offkeras.models import features as features_of
from offkeras.models.task import fuse_scores
from offkeras.training import loop, optimizers, options, run
from offkeras.training.actions.data import PEOPLE
from offkeras.training.actions.scores import accuracies
from offkeras.training.folder import calibration, clips, features, progress
from offkeras.training.folder.budget import Budget
from offkeras.training.options import option
from offkeras.training.replicas import devices
from offkeras.training.tables import write_table

UNBALANCED = 1.5  # most clips of a class over fewest, from which on classes weigh
MOTION = "moving_camera"  # the shipped model that knows motion already
MONITOR = "val_accuracy"
TOLD = {
    clips.TEST: "test clips",
    clips.HELD_OUT: "held-out videos, which chose the epoch",
}


@dataclasses.dataclass(frozen=True)
class Options(Budget, options.RunOptions):
    """All defaults."""

    data: str = option("", f"a folder of class folders, or {' or '.join(PEOPLE)}")
    output: str = option("runs/videos", "folder of the trained model and the logs")
    init: str = option(
        "auto",
        "a trained model to start from, of its own backbone, size and dropout; '': "
        f"none; auto: {MOTION}, unless backbone, weights or size is another",
    )
    keep_cache: bool = option(False, "leave the features on disk when done")
    clips: int = option(400, "of a rendered set; every view is drawn anew", least=1)
    test_clips: int = option(400, "of a rendered set, held out and to test", least=1)
    backgrounds: str = option(
        "",
        "of a rendered set: folder of photographs and videos; default: sample videos",
    )
    on_error: str = option("raise", "or 'skip' bad videos", choices=("raise", "skip"))


def main(argv=None, *, prog=None):
    """Trains, tests and saves."""
    o = options.parse(Options, {}, __doc__, argv, prog)
    with run.start(o) as (o, output, strategy):
        train_and_test(o, output, strategy)


def train_and_test(o, output, strategy):
    """The run itself."""
    parts, interval = clips.open_clips(o)
    train, held_out = parts[clips.TRAIN], parts[clips.HELD_OUT]
    run.agree_on_data(output, (*train.files, *held_out.files))
    with strategy.scope():
        recognizer = make_recognizer(len(train.class_names), o)
        extract, heads = features_of.split(recognizer)
    size = recognizer.input["frames"].shape[2]
    kept = keep_features(parts, extract, size, o, output)
    score = functools.partial(features.scores_of, devices.forward(heads))
    tell_class_weights(train, o)
    fit(heads, score, kept, train, held_out, o, output, strategy)
    heads.load_weights(output / "heads" / "best.weights.h5")
    calibrate(recognizer, score(kept[clips.HELD_OUT]), held_out)
    report(score, kept, parts, output)
    save(recognizer, train, interval, o, output)
    if not o.keep_cache:
        shutil.rmtree(output / "features")
    print(f"\nTry it: offkeras classify NEW_VIDEO --model {output}")


@options.bad_input()
def make_recognizer(num_classes, o):
    """The recognizer, its backbone fixed."""
    own = Options.backbone, Options.weights, Options.size
    init = o.init
    if init == "auto":
        init = MOTION if (o.backbone, o.weights, o.size) == own else ""
    if init:
        recognizer = inference.trained_model(init, "recognizer").load()
        print(f"Starts from {init}, with new classifiers")
        recognizer = features_of.with_classes(recognizer, num_classes, any_length=True)
        models.backbone_of(recognizer).trainable = False
        return recognizer
    backbone = backbones.create(
        o.backbone, weights=o.weights or None, input_shape=(o.size, o.size, 3)
    )
    print(f"{o.backbone}, weights: {o.weights or 'random'}, fixed")
    classifier = tasks.VideoClassifier(
        backbone, num_classes, num_segments=None, dropout=o.dropout
    )
    return classifier.recognizer


@options.bad_input()
def keep_features(parts, extract, size, o, output):
    """Features of all clips, by part."""
    shapes = {
        name: (len(part), part.views, part.segments) for name, part in parts.items()
    }
    gib = sum(
        count * views * features.bytes_of_a_view(extract, segments)
        for count, views, segments in shapes.values()
    )
    gib /= features.GIB
    if gib > o.cache_gib:
        raise ValueError(
            f"Expected --cache-gib of {gib:.1f} or more for {o.views} views of "
            f"{len(parts[clips.TRAIN])} clips, or fewer --views. "
            f"Received: {o.cache_gib}."
        )
    print(f"Features of {o.views} views of each clip, {gib:.2f} GiB:")
    about = {**dataclasses.asdict(o), "size": size}
    for free in (*run.FREE, "epochs", "keep_cache"):
        about.pop(free, None)
    return {
        name: features.keep(
            output / "features" / name,
            extract,
            part.frames(size),
            shape=shapes[name],
            about={**about, "files": part.files, "classes": part.class_names},
        )
        for name, part in parts.items()
    }


def fit(heads, score, kept, train, held_out, o, output, strategy, shown=None):
    """Trains the heads on the features; `shown` prints, by default every epoch."""
    batch_size = min(o.batch_size, len(train) * o.views)
    steps_per_epoch = len(train) * o.views // batch_size
    steps = o.epochs * steps_per_epoch

    def compiled():
        schedule = optimizers.cosine(o.learning_rate, steps, warm_up=steps // 10)
        optimizer = keras.optimizers.AdamW(schedule, weight_decay=o.weight_decay)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return dict(
            optimizer=optimizer,
            # Section 4.2.2: every output has a loss of its own.
            loss={name: make_loss(len(train.class_names), o) for name in heads.output},
            jit_compile=devices.may_compile(strategy),
        )

    def measure():
        scores = fuse_scores(score(kept[clips.HELD_OUT]))
        log_p = keras.ops.log_softmax(scores)
        labels = np.array(held_out.labels)
        return {
            MONITOR: float((scores.argmax(-1) == labels).mean()),
            "val_loss": -float(np.mean(np.asarray(log_p)[range(len(labels)), labels])),
        }

    loop.fit(
        heads,
        lambda stream: features.train_dataset(
            kept[clips.TRAIN],
            train.labels,
            class_weights(train, o),
            stream,
            batch_size,
            tuple(heads.output),
        ),
        o,
        strategy,
        folder=output / "heads",
        compiled=compiled,
        epochs=o.epochs,
        steps_per_epoch=steps_per_epoch,
        measure=measure,
        monitor=MONITOR,
        patience=o.patience,
        shown=shown or progress.Lines(o.epochs),
    )


def make_loss(num_classes, o):
    """Cross-entropy of integer labels, smoothed where asked for."""
    if not o.label_smoothing:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    smooth = functools.partial(
        keras.losses.categorical_crossentropy,
        from_logits=True,
        label_smoothing=o.label_smoothing,
    )

    def loss(labels, logits):
        labels = keras.ops.reshape(labels, [-1])
        return smooth(keras.ops.one_hot(labels, num_classes), logits)

    return loss


def class_weights(train, o):
    """The weight of every clip: that of its class, 1 on average."""
    counts = np.bincount(train.labels, minlength=len(train.class_names))
    if not o.class_weights or counts.max() < UNBALANCED * counts.min():
        return np.ones(len(train), np.float32)
    weights = len(train) / (len(counts) * counts)
    return weights[np.array(train.labels)].astype(np.float32)


def tell_class_weights(train, o):
    """A line that says if classes weigh differently."""
    weights = class_weights(train, o)
    rare = train.labels[int(weights.argmax())]
    if weights.max() > weights.min():
        print(
            f"Classes weigh by how rare they are: {train.class_names[rare]}, with "
            f"{train.labels.count(rare)} videos, {weights.max():.1f} times."
        )


def calibrate(recognizer, scores, held_out):
    """Makes both scores of the sum count as the held-out videos say."""
    factors = calibration.factors(scores, np.array(held_out.labels))
    calibration.apply(recognizer, factors)
    told = ", ".join(f"{name} {factor:.2g}" for name, factor in factors.items())
    print(f"Scores count by the held-out videos: {told}")


def report(score, kept, parts, output):
    """Accuracy and the confusion matrix of clips that were not trained on."""
    name = clips.TEST if clips.TEST in parts else clips.HELD_OUT
    scores = score(kept[name])
    labels, names = np.array(parts[name].labels), parts[name].class_names
    each = {n: accuracies(s, labels)[0] for n, s in scores.items()}
    overall, _, matrix = accuracies(fuse_scores(scores), labels)
    told = ", ".join(f"{name} {accuracy:.1%}" for name, accuracy in each.items())
    print(f"\nOutputs: {told}")
    print(f"{overall:.1%} of {len(labels)} {TOLD[name]}:")
    rows = []
    for index, name in enumerate(names):
        count, right = matrix[index].sum(), matrix[index, index]
        wrong = {
            names[j]: int(n) for j, n in enumerate(matrix[index]) if j != index and n
        }
        taken = ", ".join(f"{n} as {other}" for other, n in wrong.items())
        print(f"  {name:24}{right / count:6.1%} of {count:<4}{taken}")
        rows.append([name, right / count, int(count)])
    write_table(output / "results.csv", rows, ("class", "accuracy", "videos"))
    inference.draw_confusion_matrix(matrix, names, output / "confusion_matrix.png")


def save(recognizer, train, interval, o, output):
    """The preset: the model, its classes, and how videos are shown to it."""
    classifier = tasks.VideoClassifier(
        recognizer=recognizer, class_names=train.class_names
    )
    classifier.preprocessor = {"segments": o.segments, "interval": interval}
    classifier.save_to_preset(output)
