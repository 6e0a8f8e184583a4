"""Trains an OFF action recognizer, tests it and exports it.

    python -m training.action_recognition --preset camera_motion
    python -m training.action_recognition --data my_videos     # my_videos/<class>/*.mp4

Two stages (section 4.2.1): the appearance stream first, then OFF and its
classifiers with the backbone fixed. `--end-to-end` trains everything at once.
"""

import csv
import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from offkeras import backbones, data, export, inference, metrics, models
from training import options, resume, run
from training.options import option


@dataclasses.dataclass(frozen=True)
class Options:
    """All defaults: section 5.1 of the paper where it says, TSN elsewhere."""

    data: str = option("camera_motion", "'camera_motion', or a folder")
    output: str = option("runs/action_recognition", "folder for checkpoints and logs")
    export_to: str = option("savedmodels", "folder of the SavedModels")
    resume: bool = option(False, "go on where a killed run stopped")
    seed: int = option(0, "seed of every random choice")
    devices: str = option("", "devices such as 'GPU:0,GPU:1'; default: all GPUs")
    # Model
    variant: str = option("paper", "'paper' or 'released'")
    spatial: bool = option(True, "spatial gradients")
    temporal: bool = option(True, "temporal gradient")
    width: float = option(1.0, "width multiplier of BN-Inception")
    weights: str = option("", "weights of BN-Inception to start from")
    dropout: float = option(0.8, "dropout before the classifiers")
    spatial_dropout: float = option(0.8, "dropout of the spatial gradients")
    # Data
    size: int = option(224, "height and width of a segment in pixels")
    num_segments: int = option(7, "segments of a training clip")
    test_segments: int = option(25, "segments of a test clip")
    validation_fraction: float = option(0.2, "share of each class folder held out")
    on_error: str = option("raise", "'raise' or 'skip' unreadable videos")
    clips_per_epoch: int = option(3000, "clips in an epoch of camera_motion")
    evaluation_clips: int = option(800, "held-out clips of camera_motion")
    # Optimisation. Epochs: 3,500 and 20,000 iterations on a split of UCF-101.
    end_to_end: bool = option(False, "one stage instead of two")
    batch_size: int = option(128, "clips of a step, over all devices")
    appearance_epochs: int = option(47, "epochs of the first stage")
    off_epochs: int = option(268, "epochs of the second, or the only stage")
    appearance_learning_rate: float = option(0.001, "of the first stage")
    learning_rate: float = option(0.02, "of the second stage, for a batch of 128")
    optimizer: str = option("sgd", "'sgd', or 'adam' with a cosine schedule")
    momentum: float = option(0.9, "of SGD")
    weight_decay: float = option(5e-4, "of kernels; biases and BN have none")
    clip_norm: float = option(40.0, "largest global norm of the gradient")


PRESETS = {
    "camera_motion": dict(
        data="camera_motion",
        output="runs/camera_motion",
        width=0.25,
        size=96,
        num_segments=4,
        test_segments=4,
        batch_size=16,
        evaluation_clips=400,
        dropout=0.0,
        spatial_dropout=0.0,
        # Trained from nothing within minutes; Adam does not stall.
        optimizer="adam",
        appearance_epochs=1,
        appearance_learning_rate=0.012,
        off_epochs=5,
        learning_rate=0.012,
    ),
}

OFF_OUTPUTS = ("off_1", "off_2", "off_3")
# Where the learning rate drops to a tenth: iterations 10k, 15k and 18k of 20k.
LEARNING_RATE_DROPS = (0.5, 0.75, 0.9)
REFERENCE_BATCH = 128


def main(argv=None):
    """Runs the stages, the test and the export."""
    o = options.parse(Options, PRESETS, description=__doc__.splitlines()[0], argv=argv)
    output = run.prepare_output(o)
    keras.utils.set_random_seed(o.seed)
    clips = load_clips(o)
    num_classes = len(clips.class_names)

    strategy = run.make_strategy(o.devices)
    with strategy.scope():
        backbone = backbones.BNInception(
            weights=o.weights or None, width=o.width, input_shape=(o.size, o.size, 3)
        )
        tsn = models.TSN(
            num_classes, num_segments=None, backbone=backbone, dropout=o.dropout
        )
        recognizer = models.OFFActionRecognizer(
            num_classes,
            num_segments=None,
            variant=o.variant,
            backbone=backbone,
            spatial=o.spatial,
            temporal=o.temporal,
            dropout=o.dropout,
            spatial_dropout=o.spatial_dropout,
        )
        if o.end_to_end:
            stages = [("end_to_end", recognizer, ("appearance", *OFF_OUTPUTS))]
        else:
            stages = [
                ("appearance", tsn, ("appearance",)),
                ("off", recognizer, OFF_OUTPUTS),
            ]
        for stage, model, outputs in stages:
            if stage == "off":
                fix_appearance(recognizer, tsn)
            fit(model, stage, outputs, clips, o)

    evaluate(recognizer, clips, output)
    recognizer.save(output / "recognizer.keras")
    (output / "labels.txt").write_text("\n".join(clips.class_names) + "\n")
    folder = export.saved_model(
        recognizer,
        Path(o.export_to) / output.name,
        num_segments=o.test_segments,
        class_names=clips.class_names,
    )
    print(f"SavedModel: {folder}")


@dataclasses.dataclass(frozen=True)
class Clips:
    """Training and held-out clips; they share no video."""

    class_names: tuple
    steps_per_epoch: int
    train: Callable  # (initial_epoch, epochs) -> dataset of (frames, labels)
    validation: tf.data.Dataset
    test: tf.data.Dataset


def load_clips(o):
    """The dataset that the options name, checked before the first epoch."""
    shape = dict(num_segments=o.num_segments, size=o.size, batch_size=o.batch_size)
    if o.data == "camera_motion":
        source = data.CameraMotion(
            clips_per_epoch=o.clips_per_epoch, evaluation_clips=o.evaluation_clips
        )
        train, validation = source, source.validation_dataset(**shape)
        test = source.test_dataset(**{**shape, "num_segments": o.test_segments})
    else:
        videos = data.ClassFolder.scan(o.data, on_error=o.on_error)
        for path, reason in videos.skipped:
            print(f"skipped {path}: {reason}")
        train, held_out = videos.split(o.validation_fraction, seed=o.seed)
        print(f"{len(train)} videos to train on, {len(held_out)} held out")
        validation = held_out.test_dataset(**shape)
        test = held_out.test_dataset(**{**shape, "num_segments": o.test_segments})
    return Clips(
        class_names=train.class_names,
        steps_per_epoch=train.steps_per_epoch(o.batch_size),
        train=functools.partial(train.train_dataset, seed=o.seed, **shape),
        validation=validation,
        test=test,
    )


def fix_appearance(recognizer, tsn):
    """Takes over the first stage; the second leaves it as it is."""
    classifier = recognizer.get_layer("appearance_logits")
    classifier.set_weights(tsn.get_layer("appearance_logits").get_weights())
    classifier.trainable = False
    recognizer.get_layer("bn_inception").trainable = False


def make_optimizer(learning_rate, epochs, steps_per_epoch, o):
    """SGD with the multi-step schedule of section 5.1, or Adam with a cosine."""
    learning_rate *= o.batch_size / REFERENCE_BATCH
    steps = epochs * steps_per_epoch
    common = dict(
        weight_decay=o.weight_decay or None, global_clipnorm=o.clip_norm or None
    )
    schedules = keras.optimizers.schedules
    if o.optimizer == "adam":
        schedule = schedules.CosineDecay(learning_rate, steps)
        optimizer = keras.optimizers.Adam(schedule, **common)
    elif o.optimizer == "sgd":
        tenths = [learning_rate * 0.1**n for n in range(len(LEARNING_RATE_DROPS) + 1)]
        schedule = schedules.PiecewiseConstantDecay(
            [int(steps * drop) for drop in LEARNING_RATE_DROPS], tenths
        )
        optimizer = keras.optimizers.SGD(schedule, momentum=o.momentum, **common)
    else:
        raise SystemExit(
            f"--optimizer must be 'sgd' or 'adam'. Received: {o.optimizer!r}."
        )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def fit(model, stage, outputs, clips, o):
    """One stage, from its last checkpoint if there is one."""
    folder = Path(o.output) / stage
    folder.mkdir(exist_ok=True)
    learning_rate, epochs = (
        (o.appearance_learning_rate, o.appearance_epochs)
        if stage == "appearance"
        else (o.learning_rate, o.off_epochs)
    )
    model.compile(
        make_optimizer(learning_rate, epochs, clips.steps_per_epoch, o),
        # Section 4.2.2: every output has a loss of its own.
        loss={
            name: keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            for name in outputs
        },
        metrics={name: "accuracy" for name in outputs},
        # XLA takes minutes to compile on a CPU and is slower there.
        jit_compile="auto" if tf.config.list_logical_devices("GPU") else False,
    )
    checkpoint = resume.Checkpoint(folder / "last.weights.h5", clips.steps_per_epoch)
    done = checkpoint.restore(model)
    log = resume.trim_log(folder / "log.csv", done)
    if done == epochs:
        return

    monitor = f"val_{outputs[-1]}_accuracy" if len(outputs) > 1 else "val_accuracy"
    model.fit(
        with_targets(clips.train(initial_epoch=done, epochs=epochs), model),
        validation_data=with_targets(clips.validation, model),
        initial_epoch=done,
        epochs=epochs,
        steps_per_epoch=clips.steps_per_epoch,
        shuffle=False,  # the dataset is
        callbacks=[
            resume.ReseedDropout(o.seed),
            keras.callbacks.ModelCheckpoint(
                folder / "best.weights.h5",
                monitor=monitor,
                mode="max",
                save_best_only=True,
                save_weights_only=True,
                initial_value_threshold=max(
                    (float(row[monitor]) for row in log), default=None
                ),
            ),
            keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False),
            keras.callbacks.CSVLogger(folder / "log.csv", append=True),
            checkpoint,
        ],
    )


def with_targets(dataset, model):
    """(frames, label) -> the model's input and the label for each output."""
    return dataset.map(
        lambda frames, label: (
            {"frames": frames},
            {name: label for name in model.output},
        )
    )


def evaluate(recognizer, clips, output):
    """Accuracy of every output and of their fusion on the held-out clips."""
    logits, labels = [], []
    for frames, label in clips.test:
        scores = recognizer.predict_on_batch({"frames": frames})
        logits.append({**scores, "fused": models.fuse_scores(scores)})
        labels.append(label)
    labels = np.concatenate(labels)
    rows = []
    print(f"\n{len(labels)} held-out clips{'':10}accuracy  class-mean accuracy")
    for name in logits[0]:
        predictions = np.concatenate([batch[name] for batch in logits]).argmax(-1)
        matrix = metrics.confusion_matrix(labels, predictions, len(clips.class_names))
        row = {
            "output": name,
            "accuracy": matrix.trace() / matrix.sum(),
            "class_mean_accuracy": metrics.class_mean(matrix),
        }
        rows.append(row)
        print(f"  {name:24}{row['accuracy']:8.1%}  {row['class_mean_accuracy']:19.1%}")
    with open(output / "results.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    inference.draw_confusion_matrix(
        matrix, clips.class_names, output / "confusion_matrix.png"
    )


if __name__ == "__main__":
    main()
