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
from offkeras.models.task import CLASSIFIERS, fuse_scores
from offkeras.training import loop, optimizers, options, run
from offkeras.training.actions.data import PEOPLE
from offkeras.training.actions.scores import accuracies
from offkeras.training.folder import calibration, clips, features, progress
from offkeras.training.options import option
from offkeras.training.replicas import devices
from offkeras.training.tables import write_table

FLIPS = ("auto", "yes", "no")
UNBALANCED = 1.5  # most clips of a class over fewest, from which on classes weigh
MOTION = "moving_camera"  # the shipped model that knows motion already
MONITOR = "val_accuracy"
TOLD = {
    clips.TEST: "test clips",
    clips.HELD_OUT: "held-out videos, which chose the epoch",
}


@dataclasses.dataclass(frozen=True)
class Options(options.RunOptions):
    """All defaults."""

    data: str = option("", f"a folder of class folders, or {' or '.join(PEOPLE)}")
    output: str = option("runs/videos", "folder of the trained model and the logs")
    backbone: str = option("efficientnet_lite0", "see offkeras.backbones.create")
    weights: str = option("imagenet", "of the backbone: 'imagenet' or a file")
    init: str = option(
        "auto",
        "a trained model to start from, of its own backbone, size and dropout; '': "
        f"none; auto: {MOTION}, unless backbone, weights or size is another",
    )
    size: int = option(112, "height and width of a frame in pixels", least=32)
    segments: int = option(6, "frames of a training clip", least=2)
    total_segments: int = option(12, "frames of a whole video", least=2)
    views: int = option(8, "crops and stretches of each video to learn from", least=1)
    flip: str = option(
        "auto",
        "mirror half of the clips; auto: unless classes have sides",
        choices=FLIPS,
    )
    validation_fraction: float = option(0.2, "share of each class held out")
    epochs: int = option(12, "epochs at most", least=1)
    patience: int = option(6, "epochs without a better one to stop after", least=1)
    batch_size: int = option(16, "clips of a step", least=1)
    learning_rate: float = option(2e-3, "the highest, after a rise")
    weight_decay: float = option(0.05, "of kernels")
    label_smoothing: float = option(0.0, "share of the label spread over all classes")
    class_weights: bool = option(True, "rare classes weigh more where they are rare")
    dropout: float = option(0.5, "before every classifier")
    cache_gib: float = option(8.0, "most gibibytes of features on disk")
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


def fit(heads, score, kept, train, held_out, o, output, strategy):
    """Trains the heads on the features."""
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
            loss={name: make_loss(len(train.class_names), o) for name in CLASSIFIERS},
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
        shown=progress.Lines(o.epochs),
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
    rare = int(counts.argmin())
    print(
        f"Classes weigh by how rare they are: {train.class_names[rare]}, with "
        f"{counts[rare]} videos, {weights[rare]:.1f} times."
    )
    return weights[np.array(train.labels)].astype(np.float32)


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
