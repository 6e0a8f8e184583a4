"""Trains R-FCN, with or without OFF, to detect objects in video, and evaluates it.

    # the moving objects, made if needed; minutes on a CPU
    offkeras train detection --preset moving_objects --model off_multi
    # whatever moves by itself; an hour or two on a CPU
    offkeras train detection --preset movers --backgrounds my_photographs
    # your own videos, annotated in COCO-VID JSON
    offkeras train detection --data my_videos --train my_videos/train.json \
        --validation my_videos/validation.json --test my_videos/test.json
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np
import tensorflow as tf

from offkeras import backbones, metrics, models
from offkeras.storage.writing import write_text, written_whole
from offkeras.tasks.video_detector import backbone_of_name
from offkeras.training import loop, options, run
from offkeras.training.detection import evaluate as evaluate_detection
from offkeras.training.detection.optimizer import make_optimizer
from offkeras.training.detection.presets import PRESETS, Options
from offkeras.training.prepare.movers import main as prepare_movers
from offkeras.training.prepare.moving_objects import main as prepare_moving_objects
from offkeras.training.replicas import devices as distribution
from offkeras.training.replicas import machines as cluster

MOVING_OBJECTS_ROOT, MOVERS_ROOT = "runs/moving_objects", "runs/movers"
MOVING_OBJECTS_SPEEDS = "3,4"  # pixels per frame: slow, medium, fast
DRAWN = 4  # frames with their detections in TensorBoard
DRAWN_SCORE = 0.5


def main(argv=None, *, prog=None):
    """Trains, tests and saves the detector."""
    o = options.parse(Options, PRESETS, __doc__, argv, prog)
    with run.start(o) as (o, output, strategy):
        train_and_test(o, output, strategy)


def train_and_test(o, output, strategy):
    """The run itself: its frames, its detector, its evaluation."""
    speeds = ""
    if o.data == "moving_objects":
        with cluster.chief_first(strategy):
            o, speeds = moving_objects(o), MOVING_OBJECTS_SPEEDS
    elif o.data == "movers":
        with cluster.chief_first(strategy):
            o = movers(o)
    train = load(o.train, o, on_error=o.on_error, keep_empty=o.keep_empty)
    for problem in train.skipped:
        print(f"skipped: {problem}")
    validation = thin_out(load(o.validation, o, keep_empty=True), o.validation_frames)
    test = load(o.test, o, keep_empty=True)
    print(f"{len(train)} frames to train on, {len(test)} to test on")
    parts = {"train": train, "validation": validation, "test": test}
    run.agree_on_data(
        output,
        (
            (f"{part}/{frame.video.name}/{frame.position}", len(frame.classes))
            for part, frames in parts.items()
            for frame in frames.frames
        ),
    )

    with strategy.scope():
        detector = make_detector(len(train.class_names), o)
    fit(detector, train, validation, o, strategy)
    with written_whole(output / "detector.keras") as temporary:
        detector.save(temporary)
    write_text(output / "labels.txt", "\n".join(train.class_names) + "\n")

    detections = detect(distribution.forward(detector), test, o)
    metrics.write_predictions(output / "predictions.jsonl", test.frames, detections)
    speeds = evaluate_detection.read_speeds(speeds)
    evaluate_detection.report(output / "evaluation", test, detections, speeds)


def moving_objects(o):
    """Makes the moving objects, or what is missing of them; where they are."""
    prepare_moving_objects(["--out", MOVING_OBJECTS_ROOT])
    classes = str(Path(MOVING_OBJECTS_ROOT, "classes.txt"))
    return dataclasses.replace(o, data=MOVING_OBJECTS_ROOT, classes=classes)


def movers(o):
    """Makes the movers, or what is missing of them; where they are."""
    prepare_movers(["--out", MOVERS_ROOT, "--backgrounds", o.backgrounds])
    classes = str(Path(MOVERS_ROOT, "classes.txt"))
    return dataclasses.replace(o, data=MOVERS_ROOT, classes=classes)


def load(names, o, **how):
    """The frames of lists, or of one JSON, their files checked."""
    annotations = names if names.endswith(".json") else ""
    return evaluate_detection.load(o, annotations, names, **how)


def thin_out(frames, count):
    """Frames spread evenly over the dataset, `count` at most."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(count, len(frames))))
    kept = tuple(frames.frames[int(i)] for i in chosen.round())
    return dataclasses.replace(frames, frames=kept)


def read_offsets(o):
    """Offsets of the references; none for the single-frame baseline."""
    if o.model == "rfcn":
        return ()
    try:
        return tuple(int(offset) for offset in o.offsets.split(","))
    except ValueError:
        raise SystemExit(
            f"Expected --offsets to be numbers, such as -1. Received: {o.offsets!r}."
        ) from None


@options.bad_input()
def make_detector(num_classes, o):
    """The network that the options name."""
    common = dict(
        backbone=make_backbone(o),
        channels=o.channels,
        dilation=o.dilation,
        anchor_scales=tuple(float(scale) for scale in o.anchor_scales.split(",")),
        num_candidates=o.num_candidates,
        num_proposals=o.num_proposals,
    )
    if o.model == "rfcn":
        return models.RFCN(num_classes, **common)
    return models.OFFVideoDetector(
        num_classes,
        scales=o.model.removeprefix("off_"),
        num_frames=len(read_offsets(o)) + 1,
        filters=o.filters,
        fusion=o.fusion,
        **common,
    )


def make_backbone(o):
    """The network that makes the features."""
    if o.backbone == "tiny":
        if o.weights:
            raise SystemExit("--weights are for a ResNet; --backbone tiny has none.")
        return backbones.TinyResNet()
    return backbone_of_name(o.backbone, o.weights or None)


def fit(detector, train, validation, o, strategy):
    """Trains, from the last checkpoint if there is one."""
    steps_per_epoch = train.steps_per_epoch(o.batch_size)
    with strategy.scope():
        trainer = models.detection_trainer(detector, seed=o.seed)
    loop.fit(
        trainer,
        lambda stream: train.train(
            stream,
            batch_size=o.batch_size,
            short_side=o.short_side,
            long_side=o.long_side,
            offsets=read_offsets(o),
            jitter=o.jitter,
            flip=o.flip,
        ),
        o,
        strategy,
        folder=Path(o.output),
        compiled=lambda: dict(
            optimizer=make_optimizer(o.epochs * steps_per_epoch, o),
            jit_compile=distribution.may_compile(strategy),
        ),
        epochs=o.epochs,
        steps_per_epoch=steps_per_epoch,
        measure=functools.partial(
            measure, distribution.forward(detector), validation, o
        ),
    )


def evaluation_dataset(frames, o):
    """Every frame once, with its references."""
    return frames.evaluate(
        short_side=o.short_side, long_side=o.long_side, offsets=read_offsets(o)
    )


def detect(forward, frames, o):
    """The detections of every frame."""
    return metrics.collect_detections(
        lambda clips: forward({"frames": clips}), evaluation_dataset(frames, o)
    )


def measure(forward, frames, o):
    """`val_map` of a `DetectionVideos`; some of the detections go to TensorBoard."""
    precision = metrics.evaluate_detections(
        frames.frames,
        detect(forward, frames, o),
        num_classes=len(frames.class_names),
    )
    for batch in evaluation_dataset(thin_out(frames, DRAWN), o):
        picture = draw(forward, batch)
        tf.summary.image(f"detections_{int(batch['index'][0])}", picture)
    return {"val_map": metrics.mean_average_precision(precision)}


def draw(forward, batch):
    """The key frame of a batch of one, with what is found (yellow) and true (cyan)."""
    frames = tf.cast(batch["frames"], tf.float32)
    found = forward({"frames": batch["frames"]})
    sure = (found["scores"] >= DRAWN_SCORE)[..., None]
    height, width = frames.shape[2:4]
    scale = tf.constant([height, width, height, width], tf.float32)
    picture = frames[:, -1] / 255
    for boxes, color in (
        (tf.where(sure, found["boxes"], 0), (1.0, 0.92, 0.23)),
        (batch["boxes"], (0.0, 0.74, 0.83)),
    ):
        # x1, y1, x2, y2 in pixels -> y1, x1, y2, x2 in 0..1
        corners = tf.gather(boxes, [1, 0, 3, 2], axis=-1) / scale
        picture = tf.image.draw_bounding_boxes(picture, corners, [color])
    return picture
