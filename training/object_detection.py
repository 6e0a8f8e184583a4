"""Trains R-FCN, with or without OFF, to detect objects in video, and evaluates it.

# the moving objects, made if needed; minutes on a CPU
python -m training.object_detection --preset moving_objects --model off_multi
# the paper's experiment (ImageNet VID and DET)
python -m training.object_detection --preset imagenet_vid --weights imagenet
# your own videos, annotated in COCO-VID JSON
python -m training.object_detection --data my_videos --train my_videos/train.json \
    --validation my_videos/validation.json --test my_videos/test.json
"""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from offkeras import backbones, data, metrics, models
from training import cluster, distribution, evaluate_detection, options, resume, run
from training.detection_optimizer import make_optimizer
from training.detection_presets import PRESETS, Options
from training.prepare_moving_objects import main as prepare_moving_objects

MOVING_OBJECTS_ROOT = "runs/moving_objects"
MOVING_OBJECTS_SPEEDS = "3,4"  # pixels a frame: slow, medium, fast
DRAWN = 4  # frames with their detections in TensorBoard
DRAWN_SCORE = 0.5


def main(argv=None):
    """Trains, tests and saves the detector."""
    o = options.parse(Options, PRESETS, description=__doc__.splitlines()[0], argv=argv)
    with run.start(o) as (o, output, strategy):
        train_and_test(o, output, strategy)


def train_and_test(o, output, strategy):
    """The run itself: its frames, its detector, its evaluation."""
    speeds = ""
    if o.data == "moving_objects":
        with cluster.chief_first(strategy):
            o, speeds = moving_objects(o), MOVING_OBJECTS_SPEEDS
    train = load(o.train, o, on_error=o.on_error)
    for problem in train.skipped:
        print(f"skipped: {problem}")
    validation = thin_out(load(o.validation, o, keep_empty=True), o.validation_frames)
    test = load(o.test, o, keep_empty=True)
    print(f"{len(train)} frames to train on, {len(test)} to test on")

    with strategy.scope():
        detector = make_detector(len(train.class_names), o)
    fit(detector, train, validation, o, strategy)
    detector.save(output / "detector.keras")
    (output / "labels.txt").write_text("\n".join(train.class_names) + "\n")

    detections = detect(distribution.forward(detector), test, o)
    metrics.write_predictions(output / "predictions.jsonl", test.frames, detections)
    speeds = evaluate_detection.read_speeds(speeds)
    evaluate_detection.report(output / "evaluation", test, detections, speeds)


def moving_objects(o):
    """Makes the moving objects, or what is missing of them; where they are."""
    prepare_moving_objects(["--out", MOVING_OBJECTS_ROOT])
    classes = str(Path(MOVING_OBJECTS_ROOT, "classes.txt"))
    return dataclasses.replace(o, data=MOVING_OBJECTS_ROOT, classes=classes)


@options.bad_input()
def load(names, o, **how):
    """The frames of lists, or of one JSON, their files checked."""
    if names.endswith(".json"):
        return data.load_coco_vid(names, o.data, **how)
    classes = data.read_classes(o.classes) if o.classes else data.IMAGENET_VID_CLASSES
    return data.load_imagenet_vid(o.data, names.split(","), classes=classes, **how)


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
    if o.model not in ("rfcn", "off_single", "off_multi"):
        raise SystemExit(
            "Expected --model to be 'rfcn', 'off_single' or 'off_multi'. "
            f"Received: {o.model!r}."
        )
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
    depths = {"resnet50": 50, "resnet101": 101}
    if o.backbone not in depths:
        raise SystemExit(
            f"Expected --backbone to be {', '.join(depths)} or tiny. "
            f"Received: {o.backbone!r}."
        )
    return backbones.ResNet(depths[o.backbone], weights=o.weights or None)


def fit(detector, train, validation, o, strategy):
    """Trains, from the last checkpoint if there is one."""
    output = Path(o.output)
    steps_per_epoch = train.steps_per_epoch(o.batch_size)
    checkpoint = resume.Checkpoint(output / "last.weights.h5")
    with strategy.scope():
        trainer = models.detection_trainer(detector, seed=o.seed)
        trainer = distribution.replicated(trainer, strategy)
        trainer.compile(
            make_optimizer(o.epochs * steps_per_epoch, o),
            jit_compile=distribution.may_compile(strategy),
        )
        done = checkpoint.restore(trainer)
    resume.trim_log(output / "log.csv", done)
    if done == o.epochs:
        return
    trainer.fit(
        train.train_dataset(
            batch_size=o.batch_size,
            short_side=o.short_side,
            long_side=o.long_side,
            offsets=read_offsets(o),
            jitter=o.jitter,
            flip=o.flip,
            seed=o.seed,
            initial_epoch=done,
            epochs=o.epochs,
            part=distribution.part_of_batch(o.batch_size, strategy),
        ),
        initial_epoch=done,
        epochs=o.epochs,
        steps_per_epoch=steps_per_epoch,
        shuffle=False,  # the dataset is
        callbacks=[
            resume.ReseedDropout(o.seed),  # and the draw of anchors
            Validation(detector, validation, o),
            keras.callbacks.TensorBoard(output / "tensorboard", write_graph=False),
            keras.callbacks.CSVLogger(output / "log.csv", append=True),
            checkpoint,
        ],
    )


def evaluation_dataset(frames, o):
    """Every frame once, with its references."""
    return frames.evaluation_dataset(
        short_side=o.short_side, long_side=o.long_side, offsets=read_offsets(o)
    )


def detect(forward, frames, o):
    """The detections of every frame."""
    return metrics.collect_detections(
        lambda clips: forward({"frames": clips}), evaluation_dataset(frames, o)
    )


class Validation(keras.callbacks.Callback):
    """mAP after every epoch, and pictures of detections for TensorBoard.

    Args:
        detector: the detector that is trained.
        frames: a `DetectionVideos`.
        o: the options of the training.
    """

    def __init__(self, detector, frames, o):
        super().__init__()
        self.forward = distribution.forward(detector)
        self.frames, self.options = frames, o
        self.writer = tf.summary.create_file_writer(f"{o.output}/tensorboard/detector")

    def on_epoch_end(self, epoch, logs=None):
        """Adds `val_map` to the logs."""
        detections = detect(self.forward, self.frames, self.options)
        precision = metrics.evaluate_detections(
            self.frames.frames,
            detections,
            num_classes=len(self.frames.class_names),
        )
        logs["val_map"] = metrics.mean_average_precision(precision)
        with self.writer.as_default(step=epoch):
            tf.summary.scalar("val_map", logs["val_map"])
            shown = thin_out(self.frames, DRAWN)
            for batch in evaluation_dataset(shown, self.options):
                picture = draw(self.forward, batch)
                tf.summary.image(f"detections_{int(batch['index'][0])}", picture)


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


if __name__ == "__main__":
    main()
