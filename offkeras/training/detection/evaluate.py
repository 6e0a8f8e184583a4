"""Evaluates the predictions of a video object detector by every protocol in use.

    # the moving objects, with a table by speed
    offkeras evaluate detection --predictions predictions.jsonl \
        --data runs/moving_objects --image-set VID_test_videos \
        --classes runs/moving_objects/classes.txt --speeds 3,4
    # your own videos, annotated in COCO-VID JSON
    offkeras evaluate detection --predictions predictions.jsonl \
        --data my_videos --annotations my_videos/test.json

A predictions file has a line for each frame, see offkeras.metrics.read_predictions.
"""

import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np

from offkeras import data, metrics
from offkeras.data.detection.images import read_image
from offkeras.data.detection.transforms import resize
from offkeras.training import options
from offkeras.training.options import option
from offkeras.training.tables import write_table


@dataclasses.dataclass(frozen=True)
class Options:
    """All defaults: ImageNet VID."""

    predictions: str = option("predictions.jsonl", "file of the predictions")
    data: str = option("ILSVRC2015", "folder of the dataset, or of a JSON's images")
    image_set: str = option("VID_val_videos", "list of the frames to evaluate")
    classes: str = option("", "list of the classes; default: ImageNet VID's 30")
    annotations: str = option("", "COCO-VID JSON to use instead of lists and XML")
    speeds: str = option("", "borders of slow, medium and fast in pixels per frame")
    pictures: int = option(0, "frames to draw with their boxes; needs keras-cv")
    out: str = option("runs/evaluation", "folder for tables and pictures")


PICTURE_SCORE = 0.5  # drawn detections are at least that sure
CURVE_POINTS = 1000  # of each class, in the table
TRUTH, FOUND = (0, 188, 212), (255, 235, 59)  # colours of boxes


def main(argv=None, *, prog=None):
    """Reads truth and predictions; writes tables, curves and pictures."""
    o = options.parse(Options, {}, __doc__, argv, prog)
    truth = load(o, o.annotations, o.image_set, keep_empty=True)
    with options.bad_input():
        detections = metrics.read_predictions(
            o.predictions, truth.frames, num_classes=len(truth.class_names)
        )
    out = Path(o.out)
    report(out, truth, detections, read_speeds(o.speeds))
    if o.pictures:
        draw_detections(out / "detections.png", truth, detections, o.pictures)
    print(f"Tables and curves are in {out}.")


def report(out, truth, detections, speed_ranges):
    """Writes the tables and curves and prints the mAP by every protocol."""
    results = evaluate(truth, detections, speed_ranges)
    out.mkdir(parents=True, exist_ok=True)
    write_tables(out, truth.class_names, results)
    draw_curves(out / "precision_recall.png", truth.class_names, results["vid"])
    for name, result in results.items():
        print(f"{name:14} mAP {100 * metrics.mean_average_precision(result):6.2f}")


@options.bad_input()
def load(o, annotations, lists, **how):
    """The annotated frames of a COCO-VID JSON, or of lists where none is named."""
    if annotations:
        return data.load_coco_vid(annotations, o.data, **how)
    classes = data.read_classes(o.classes) if o.classes else data.IMAGENET_VID_CLASSES
    return data.load_imagenet_vid(o.data, lists.split(","), classes=classes, **how)


def read_speeds(text):
    """Ranges of speed from their borders, `"3,4"`; none from an empty text."""
    if not text:
        return {}
    try:
        slow, fast = (float(border) for border in text.split(","))
    except ValueError:
        slow, fast = 1.0, 0.0
    if not 0 < slow <= fast:
        raise SystemExit(
            "Expected --speeds to be two rising numbers, such as 3,4. "
            f"Received: {text}."
        )
    borders = {"slow": (0, slow), "medium": (slow, fast), "fast": (fast, math.inf)}
    return {f"speed_{name}": border for name, border in borders.items()}


def evaluate(truth, detections, speed_ranges):
    """`ClassPrecision`s of each class, by protocol."""
    frames, count = truth.frames, len(truth.class_names)

    def overall(**protocol):
        return metrics.evaluate_detections(
            frames, detections, num_classes=count, **protocol
        )

    results = {
        "vid": overall(pixel_tolerance=10),
        "iou_0.5": overall(pixel_tolerance=None),
        "coco_ap50": overall(pixel_tolerance=None, points=101),
    }
    motion = metrics.motion_map(frames, detections, num_classes=count)
    results.update({f"motion_{name}": result for name, result in motion.items()})
    results.update(
        metrics.evaluate_ranges(
            frames,
            detections,
            metrics.track_speed(frames),
            speed_ranges,
            num_classes=count,
        )
    )
    return results


def write_tables(out, class_names, results):
    """summary.csv, classes.csv and precision_recall.csv."""
    summary = [
        [name, sum(r.num_objects for r in rs), metrics.mean_average_precision(rs)]
        for name, rs in results.items()
    ]
    write_table(out / "summary.csv", summary, ("protocol", "objects", "mAP"))
    columns = ("class", "objects", *(f"AP_{name}" for name in results))
    classes = [
        [name, results["vid"][label].num_objects]
        + [result[label].average_precision for result in results.values()]
        for label, name in enumerate(class_names)
    ]
    write_table(out / "classes.csv", classes, columns)
    points = [
        [name, *point]
        for name, r in zip(class_names, results["vid"], strict=True)
        for point in curve(r)
    ]
    columns = ("class", "score", "recall", "precision")
    write_table(out / "precision_recall.csv", points, columns)


def curve(r):
    """Points of a precision-recall curve: score, recall and precision."""
    step = math.ceil(len(r.scores) / CURVE_POINTS) or 1
    points = zip(r.scores, r.recall, r.precision, strict=True)
    return itertools.islice(points, 0, None, step)


def draw_curves(path, class_names, result):
    """Precision over recall of each class."""
    from matplotlib.figure import Figure

    columns = math.ceil(math.sqrt(len(class_names)))
    rows = math.ceil(len(class_names) / columns)
    figure = Figure(figsize=(2.4 * columns, 2.4 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, name, r in itertools.zip_longest(grid.flat, class_names, result):
        if name is None:
            axes.axis("off")
            continue
        axes.plot(r.recall, r.precision)
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        title = f"{name}  AP {100 * r.average_precision:.1f}"
        axes.set_title(title, fontsize=9, parse_math=False)  # $ begins no formula
    figure.supxlabel("recall")
    figure.supylabel("precision")
    figure.savefig(path, dpi=100)


def draw_detections(path, truth, detections, count):
    """Frames spread over the dataset, with the true boxes and those found."""
    try:
        import keras_cv
    except ImportError as error:
        raise SystemExit(
            "--pictures needs keras-cv. Install it with: pip install keras-cv"
        ) from error
    chosen = np.linspace(0, len(truth) - 1, min(count, len(truth))).round().astype(int)
    size = truth.frames[chosen[0]].size  # one gallery, one size
    images, true, found = [], [], []
    for frame, detected in ((truth.frames[i], detections[i]) for i in chosen):
        image = read_image(frame.video.images[frame.position], frame.size)
        sure = detected.scores >= PICTURE_SCORE
        boxes = np.float32(np.concatenate([frame.boxes, detected.boxes[sure]]))
        image, boxes = resize(image[None], boxes, size)
        images.append(image[0].numpy())
        objects = len(frame.classes)
        true.append((boxes[:objects].numpy(), frame.classes))
        found.append((boxes[objects:].numpy(), detected.classes[sure]))
    columns = math.ceil(math.sqrt(len(images)))
    keras_cv.visualization.plot_bounding_box_gallery(
        np.stack(images),
        value_range=(0, 255),
        bounding_box_format="xyxy",
        y_true=_padded(true),
        y_pred=_padded(found),
        true_color=TRUTH,
        pred_color=FOUND,
        line_thickness=1,
        font_scale=0.4,
        class_mapping=dict(enumerate(truth.class_names)),
        legend=True,
        rows=math.ceil(len(images) / columns),
        cols=columns,
        path=str(path),
    )


def _padded(pairs):
    """Boxes and classes of several frames, padded with class -1."""
    most = max(len(classes) for _, classes in pairs)
    boxes = np.zeros((len(pairs), most, 4), np.float32)
    labels = np.full((len(pairs), most), -1)
    for i, (box, label) in enumerate(pairs):
        boxes[i, : len(label)], labels[i, : len(label)] = box, label
    return {"boxes": boxes, "classes": labels}
