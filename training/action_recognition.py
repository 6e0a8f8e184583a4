"""Trains an OFF action recognizer, tests it and exports it.

    python -m training.action_recognition --preset camera_motion
    python -m training.action_recognition --data my_videos     # my_videos/<class>/*.mp4
    python -m training.action_recognition --preset ucf101_flow --split 1

Two stages (section 4.2.1): the appearance stream first, then OFF and its
classifiers with the backbone fixed. `--end-to-end` trains everything at once.
"""

import csv
import dataclasses
from pathlib import Path

import keras
import numpy as np

from offkeras import backbones, export, inference, metrics, models, weights
from training import distribution, options, resume, run
from training.action_data import load_clips
from training.action_optimizer import count_steps, make_optimizer
from training.action_presets import PRESETS, Options

OFF_OUTPUTS = ("off_1", "off_2", "off_3")


def main(argv=None):
    """Runs the stages, the test and the export."""
    o = options.parse(Options, PRESETS, description=__doc__.splitlines()[0], argv=argv)
    o = dataclasses.replace(o, output=o.output.replace("{split}", str(o.split)))
    options.at_least(o, appearance_epochs=1, off_epochs=1)
    options.at_least(o, num_segments=2, test_segments=2)  # OFF is between two
    if o.first_stage and o.end_to_end:
        raise SystemExit("--first-stage and --end-to-end exclude each other.")
    with run.start(o) as (o, output, strategy):
        train_and_test(o, output, strategy)


def train_and_test(o, output, strategy):
    """The run itself: its clips, its stages, its results."""
    clips = load_clips(o)
    with strategy.scope():
        tsn, recognizer = make_models(len(clips.class_names), o)
    if o.end_to_end:
        stages = [("end_to_end", recognizer, ("appearance", *OFF_OUTPUTS))]
    else:
        stages = [
            ("appearance", tsn, ("appearance",)),
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
    recognizer.save(output / "recognizer.keras")
    (output / "labels.txt").write_text("\n".join(clips.class_names) + "\n")
    folder = export.saved_model(
        recognizer,
        Path(o.export_to) / output.name,
        num_segments=o.test_segments,
        class_names=clips.class_names,
    )
    print(f"SavedModel: {folder}")


@options.bad_input()
def make_models(num_classes, o):
    """The networks of the two stages, which share the backbone."""
    if o.modality not in models.MODALITIES:
        raise SystemExit(
            f"--modality must be one of {', '.join(models.MODALITIES)}. "
            f"Received: {o.modality!r}."
        )
    channels, mean = models.MODALITIES[o.modality]
    backbone = backbones.BNInception(
        weights=o.weights or None,
        width=o.width,
        input_shape=(o.size, o.size, channels),
        mean=mean,
    )
    if o.partial_bn:
        fix_statistics(backbone)
    common = dict(num_segments=None, modality=o.modality, backbone=backbone)
    tsn = models.TSN(num_classes, dropout=o.appearance_dropout, **common)
    recognizer = models.OFFActionRecognizer(
        num_classes,
        variant=o.variant,
        spatial=o.spatial,
        temporal=o.temporal,
        dropout=o.dropout,
        spatial_dropout=o.spatial_dropout,
        **common,
    )
    return tsn, recognizer


def fix_statistics(backbone):
    """TSN's partial batch normalisation: only the first one goes on learning."""
    first, *rest = (
        layer
        for layer in backbone.layers
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
    recognizer.get_layer("bn_inception").trainable = False


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
    trainer = distribution.replicated(model, strategy)
    checkpoint = resume.Checkpoint(folder / "last.weights.h5")
    with strategy.scope():
        trainer.compile(
            make_optimizer(stage, steps, o),
            # Section 4.2.2: every output has a loss of its own.
            loss={
                name: keras.losses.SparseCategoricalCrossentropy(from_logits=True)
                for name in outputs
            },
            metrics={name: "accuracy" for name in outputs},
            jit_compile=distribution.may_compile(strategy),
        )
        done = checkpoint.restore(trainer)
    folder.mkdir(exist_ok=True)  # only now: a failed start is no earlier run
    log = resume.trim_log(folder / "log.csv", done)
    if done == epochs:
        return

    callbacks = [
        resume.ReseedDropout(o.seed),
        keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False),
        keras.callbacks.CSVLogger(folder / "log.csv", append=True),
        checkpoint,
    ]
    validation = clips.validation(stage)
    if validation is not None:
        validation = Validation(model, outputs, validation)
        callbacks[1:1] = [validation, keep_best(folder, outputs, log)]
    part = distribution.part_of_batch(o.batch_size, strategy)
    train = clips.train(stage, initial_epoch=done, epochs=epochs, part=part)
    trainer.fit(
        with_targets(train, model),
        initial_epoch=done,
        epochs=epochs,
        steps_per_epoch=clips.steps_per_epoch,
        shuffle=False,  # the dataset is
        callbacks=callbacks,
    )


def keep_best(folder, outputs, log):
    """Saves the weights of the best epoch so far, those before a resume included."""
    monitor = f"val_{outputs[-1]}_accuracy" if len(outputs) > 1 else "val_accuracy"
    return keras.callbacks.ModelCheckpoint(
        folder / "best.weights.h5",
        monitor=monitor,
        mode="max",
        save_best_only=True,
        save_weights_only=True,
        initial_value_threshold=max((float(row[monitor]) for row in log), default=None),
    )


class Validation(keras.callbacks.Callback):
    """Loss and accuracy of held-out clips after every epoch.

    Args:
        model: the network that is trained.
        outputs: its outputs that have a loss.
        dataset: batches of `(frames, labels)`.
    """

    def __init__(self, model, outputs, dataset):
        super().__init__()
        self.forward = distribution.forward(model)
        self.outputs, self.dataset = outputs, dataset

    def on_epoch_end(self, epoch, logs=None):
        """Adds `val_loss` and `val_accuracy`, or those of every output, to the logs."""
        measures = {
            name: {
                "loss": keras.metrics.SparseCategoricalCrossentropy(from_logits=True),
                "accuracy": keras.metrics.SparseCategoricalAccuracy(),
            }
            for name in self.outputs
        }
        for frames, labels in self.dataset:
            logits = self.forward({"frames": frames})
            for name, both in measures.items():
                for measure in both.values():
                    measure.update_state(labels, logits[name])
        for name, both in measures.items():
            prefix = f"val_{name}_" if len(measures) > 1 else "val_"
            for kind, measure in both.items():
                logs[prefix + kind] = float(measure.result())
        if len(measures) > 1:
            logs["val_loss"] = sum(logs[f"val_{name}_loss"] for name in measures)


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
