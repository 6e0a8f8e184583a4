"""Trains an OFF action recognizer, tests it and exports it.

    offkeras train actions --preset camera_motion
    offkeras train actions --data my_videos     # my_videos/<class>/*.mp4

Two stages (section 4.2.1): the appearance stream first, then OFF and its
classifiers with the backbone fixed. `--end-to-end` trains everything at once.
"""

import dataclasses
import functools
import json
from pathlib import Path

import keras
import numpy as np

from offkeras import backbones, export, inference, modalities, models, weights
from offkeras.models.task import APPEARANCE, OFF_OUTPUTS, layers_within
from offkeras.storage.writing import write_text, written_whole
from offkeras.training import loop, options, resume, run
from offkeras.training.actions.data import load_clips
from offkeras.training.actions.optimizer import count_steps, make_optimizer
from offkeras.training.actions.presets import PRESETS, Options
from offkeras.training.actions.scores import accuracies
from offkeras.training.replicas import devices as distribution
from offkeras.training.tables import write_table


def main(argv=None, *, prog=None):
    """Runs the stages, the test and the export."""
    o = options.parse(Options, PRESETS, __doc__, argv, prog)
    o = dataclasses.replace(o, output=o.output.replace("{split}", str(o.split)))
    if o.first_stage and o.end_to_end:
        raise SystemExit("--first-stage and --end-to-end exclude each other.")
    with run.start(o) as (o, output, strategy):
        train_and_test(o, output, strategy)


def train_and_test(o, output, strategy):
    """The run itself: its clips, its stages, its results."""
    clips = load_clips(o)
    run.agree_on_data(output, clips.files)
    with strategy.scope():
        tsn, recognizer = make_models(len(clips.class_names), o)
    if o.end_to_end:
        stages = [("end_to_end", recognizer, (APPEARANCE, *OFF_OUTPUTS))]
    else:
        stages = [
            ("appearance", tsn, (APPEARANCE,)),
            ("off", recognizer, OFF_OUTPUTS),
        ]
    if o.first_stage:
        load_first_stage(tsn, o.first_stage)
        stages = [stage for stage in stages if stage[0] != "appearance"]
    for stage, model, outputs in stages:
        if stage == "off":
            fix_appearance(recognizer, tsn)
        fit(model, stage, outputs, clips, o, strategy)

    evaluate(recognizer, clips, output)
    with written_whole(output / "recognizer.keras") as temporary:
        recognizer.save(temporary)
    write_text(output / "labels.txt", "\n".join(clips.class_names) + "\n")
    write_modality(output, o.modality)
    folder = export.saved_model(
        recognizer,
        Path(o.export_to) / output.name,
        num_segments=o.test_segments,
        class_names=clips.class_names,
    )
    print(f"SavedModel: {folder}")


def write_modality(folder, name):
    """Says what a recognizer is to be shown, where its channels do not."""
    kind = modalities.find(name)
    if modalities.of_channels(kind.channels) is not kind:
        write_text(folder / "defaults.json", json.dumps({"modality": name}) + "\n")


@options.bad_input()
def make_models(num_classes, o):
    """The networks of the two stages, which share the backbone."""
    channels = modalities.find(o.modality).channels
    mean = weights.read_mean(o.first_stage or None)
    backbone = backbones.create(
        o.backbone,
        weights=o.weights or None,
        input_shape=(o.size, o.size, channels),
        modality=o.modality,
        **({"width": o.width} if o.width != 1 else {}),
        **({"mean": mean} if mean is not None else {}),
    )
    if o.partial_bn:
        fix_statistics(backbone)
    common = dict(num_segments=None, modality=o.modality, backbone=backbone)
    tsn = models.TSN(num_classes, dropout=o.appearance_dropout, **common)
    recognizer = models.OFFActionRecognizer(
        num_classes,
        variant=o.variant,
        motion=o.motion,
        spatial=o.spatial,
        temporal=o.temporal,
        dropout=o.dropout,
        spatial_dropout=o.spatial_dropout,
        **common,
    )
    return tsn, recognizer


def fix_statistics(backbone):
    """TSN's partial batch normalisation: only the first one goes on learning."""
    _, *rest = (
        layer
        for layer in layers_within(backbone)
        if isinstance(layer, keras.layers.BatchNormalization)
    )
    for layer in rest:
        layer.trainable = False


@options.bad_input()
def load_first_stage(tsn, path):
    """A TSN trained before, here or with PyTorch."""
    if Path(path).suffix in weights.SUFFIXES:
        weights.load_tsn(tsn, path)
    else:
        resume.load_weights(tsn, path)


def fix_appearance(recognizer, tsn):
    """Takes over the first stage; the second leaves it as it is."""
    classifier = recognizer.get_layer("appearance_logits")
    classifier.set_weights(tsn.get_layer("appearance_logits").get_weights())
    classifier.trainable = False
    models.backbone_of(recognizer).trainable = False


def fit(model, stage, outputs, clips, o, strategy):
    """One stage, from its last checkpoint if there is one."""
    folder = Path(o.output) / stage
    length = (
        (o.appearance_epochs, o.appearance_iterations)
        if stage == "appearance"
        else (o.off_epochs, o.off_iterations)
    )
    epochs, steps = count_steps(
        *length, steps_per_epoch=clips.steps_per_epoch, batch_size=o.batch_size
    )
    measure = monitor = None
    validation = clips.validation(stage)
    if validation is not None:
        forward = distribution.forward(model)
        measure = functools.partial(measures, forward, outputs, validation)
        monitor = f"val_{outputs[-1]}_accuracy" if len(outputs) > 1 else "val_accuracy"
    loop.fit(
        model,
        lambda stream: clips.train(stage, stream, model.output),
        o,
        strategy,
        folder=folder,
        compiled=lambda: dict(
            optimizer=make_optimizer(stage, steps, o),
            # Section 4.2.2: every output has a loss of its own.
            loss={
                name: keras.losses.SparseCategoricalCrossentropy(from_logits=True)
                for name in outputs
            },
            metrics={name: "accuracy" for name in outputs},
            jit_compile=distribution.may_compile(strategy),
        ),
        epochs=epochs,
        steps_per_epoch=clips.steps_per_epoch,
        measure=measure,
        monitor=monitor,
    )


def measures(forward, outputs, dataset):
    """`val_loss` and `val_accuracy` of a dataset, or those of every output.

    Args:
        forward: the network as a function.
        outputs: its outputs that have a loss.
        dataset: batches of `(frames, labels)`.
    """
    both = {
        "loss": lambda: keras.metrics.SparseCategoricalCrossentropy(from_logits=True),
        "accuracy": keras.metrics.SparseCategoricalAccuracy,
    }
    several = len(outputs) > 1
    metrics = {
        (name, f"val_{name}_{measure}" if several else f"val_{measure}"): make()
        for name in outputs
        for measure, make in both.items()
    }
    for frames, labels in dataset:
        logits = forward({"frames": frames})
        for (name, _), metric in metrics.items():
            metric.update_state(labels, logits[name])
    logs = {key: float(metric.result()) for (_, key), metric in metrics.items()}
    if several:
        logs["val_loss"] = sum(logs[f"val_{name}_loss"] for name in outputs)
    return logs


@options.bad_input()
def evaluate(recognizer, clips, output):
    """Accuracy of every output and of their fusion on the held-out clips."""
    logits, labels, forward = [], [], distribution.forward(recognizer)
    for frames, label in clips.test:
        scores = forward({"frames": frames})
        scores = {name: score.numpy() for name, score in scores.items()}
        logits.append({**scores, "fused": models.fuse_scores(scores)})
        labels.append(label)
    labels = np.concatenate(labels)
    rows = []
    print(f"\n{len(labels)} held-out clips{'':10}accuracy  class-mean accuracy")
    for name in logits[0]:
        scores = np.concatenate([batch[name] for batch in logits])
        overall, class_mean, matrix = accuracies(scores, labels)
        rows.append([name, overall, class_mean])
        print(f"  {name:24}{overall:8.1%}  {class_mean:19.1%}")
    columns = ("output", "accuracy", "class_mean_accuracy")
    write_table(output / "results.csv", rows, columns)
    inference.draw_confusion_matrix(
        matrix, clips.class_names, output / "confusion_matrix.png"
    )
