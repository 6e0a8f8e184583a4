"""Mean average precision of detections, as video object detection reports it.

Three protocols are in use, and their numbers do not compare:

- ImageNet VID's own, which FGFA and DFF follow: `pixel_tolerance=10`. An object of
  w x h pixels is found at an IoU of min(0.5, wh / ((w + 10)(h + 10))), so small
  ones may be off by some pixels.
- MEGA: `pixel_tolerance=None`, an IoU of 0.5 for all.
- mmtracking, COCO's AP50: `pixel_tolerance=None, points=101`.

Boxes are x1, y1, x2, y2 in pixels, right and lower edges exclusive.
"""

import dataclasses

import numpy as np

IOU = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Detections:
    """What a detector found in one frame.

    Attributes:
        boxes: `(N, 4)`.
        scores: `(N,)`, higher is surer.
        classes: integers `(N,)`, from 0.
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class ClassPrecision:
    """Precision and recall of one class, by falling score.

    Attributes:
        num_objects: objects of the class.
        scores: `(N,)`, of its detections.
        recall: `(N,)`.
        precision: `(N,)`.
        average_precision: area under the curve; not a number without objects.
    """

    num_objects: int
    scores: np.ndarray
    recall: np.ndarray
    precision: np.ndarray
    average_precision: float


def evaluate_detections(
    frames, detections, *, num_classes, pixel_tolerance=10, points=None, iou=IOU
):
    """Average precision of each class.

    Within its class and frame, each detection takes, by falling score, the free
    object of the highest IoU among those whose threshold it reaches. All that take
    none are wrong, those in frames without objects too.

    Args:
        frames: the truth: objects with `boxes` `(N, 4)` and `classes` `(N,)`.
        detections: `Detections` of each of these frames.
        num_classes: number of classes.
        pixel_tolerance: pixels, or None; see the module.
        points: points of recall at which precision is sampled, as COCO's 101.
            Default: the whole area, as PASCAL VOC since 2010.
        iou: threshold of the IoU.

    Returns:
        A list of `ClassPrecision`s.
    """
    numbers = [np.zeros(len(frame.classes)) for frame in frames]
    results = evaluate_ranges(
        frames,
        detections,
        numbers,
        {"all": (0, 0)},
        num_classes=num_classes,
        pixel_tolerance=pixel_tolerance,
        points=points,
        iou=iou,
    )
    return results["all"]


def mean_average_precision(results):
    """Mean of the average precision over the classes that have objects.

    Args:
        results: list of `ClassPrecision`s.

    Returns:
        A float in 0..1; not a number if no class has objects.
    """
    known = [r.average_precision for r in results if r.num_objects]
    return float(np.mean(known)) if known else float("nan")


def evaluate_ranges(
    frames,
    detections,
    numbers,
    ranges,
    *,
    num_classes,
    pixel_tolerance=10,
    points=None,
    iou=IOU,
):
    """Average precision of each class on the objects in a range, by FGFA's rules.

    Every object has a number, such as its motion IoU. Detections take objects as in
    `evaluate_detections`, whatever the range. One that took an object outside it is
    ignored. One that took none counts as wrong by a weight:

    | it overlaps most with | weight |
    |---|---|
    | an object inside, of any class | 1 |
    | an object outside | 0 |
    | none, in a frame with objects | share of its objects that are outside |
    | none, in a frame without objects | share of all objects that are inside |

    FGFA's own list of motion IoUs has a zero for each empty frame, which that last
    share then takes for an object. Here it does not.

    Args:
        frames: see `evaluate_detections`.
        detections: see `evaluate_detections`.
        numbers: for each frame, the numbers `(N,)` of its objects.
        ranges: dict of a name and `(low, high)`, both inside the range.
        num_classes: number of classes.
        pixel_tolerance: see `evaluate_detections`.
        points: see `evaluate_detections`.
        iou: see `evaluate_detections`.

    Returns:
        Dict of the names and a list of `ClassPrecision`s each.

    Raises:
        ValueError: if the lists differ in length.
    """
    if not len(frames) == len(detections) == len(numbers):
        raise ValueError(
            "Expected detections and numbers for every frame. Received: "
            f"{len(frames)} frames, {len(detections)} detections, "
            f"{len(numbers)} numbers."
        )
    taken, overlaps = zip(
        *(
            match_objects(frame, found, pixel_tolerance=pixel_tolerance, iou=iou)
            for frame, found in zip(frames, detections, strict=True)
        ),
        strict=True,
    )
    scores = np.concatenate([found.scores for found in detections])
    classes = np.concatenate([found.classes for found in detections])
    labels = np.concatenate([frame.classes for frame in frames])
    everything = np.concatenate(numbers)
    results = {}
    for name, (low, high) in ranges.items():
        inside = (low <= everything) & (everything <= high)
        share = inside.mean() if inside.size else 1.0
        judged = [
            _judge(t, o, (low <= n) & (n <= high), share)
            for t, o, n in zip(taken, overlaps, numbers, strict=True)
        ]
        right, wrong = (np.concatenate(part) for part in zip(*judged, strict=True))
        results[name] = [
            _precision(
                scores[classes == label],
                right[classes == label],
                wrong[classes == label],
                np.count_nonzero(inside & (labels == label)),
                points,
            )
            for label in range(num_classes)
        ]
    return results


def match_objects(frame, detections, *, pixel_tolerance, iou=IOU):
    """Lets the detections of a frame take its objects.

    Args:
        frame: the truth, see `evaluate_detections`.
        detections: `Detections`.
        pixel_tolerance: see `evaluate_detections`.
        iou: see `evaluate_detections`.

    Returns:
        For each detection the index of its object or -1, `(D,)`, and its IoU with
        every object, `(D, N)`.
    """
    overlaps = box_iou(detections.boxes, frame.boxes)
    thresholds = np.full(len(frame.boxes), iou)
    if pixel_tolerance is not None:
        width, height = (frame.boxes[:, 2:] - frame.boxes[:, :2]).T.astype(float)
        tolerated = (width + pixel_tolerance) * (height + pixel_tolerance)
        thresholds = np.minimum(thresholds, width * height / tolerated)
    fits = detections.classes[:, None] == frame.classes
    fits &= overlaps >= thresholds
    candidates = np.where(fits, overlaps, -1.0)
    taken = np.full(len(detections.scores), -1)
    order = np.argsort(-detections.scores, kind="stable")
    for index in order[fits[order].any(axis=1)]:
        best = candidates[index].argmax()
        if candidates[index, best] >= 0:
            taken[index] = best
            candidates[:, best] = -1
    return taken, overlaps


def box_iou(boxes, others):
    """Intersection over union of every box `(N, 4)` with every other `(M, 4)`."""
    boxes = np.asarray(boxes, np.float64)[:, None]  # (N, 1, 4)
    others = np.asarray(others, np.float64)[None]  # (1, M, 4)
    corner1 = np.maximum(boxes[..., :2], others[..., :2])
    corner2 = np.minimum(boxes[..., 2:], others[..., 2:])
    intersection = np.maximum(corner2 - corner1, 0).prod(-1)
    areas = [(b[..., 2:] - b[..., :2]).prod(-1) for b in (boxes, others)]
    return intersection / np.maximum(areas[0] + areas[1] - intersection, 1e-12)


def _judge(taken, overlaps, inside, share):
    """How far each detection of a frame is right, and how far wrong."""
    right = (taken >= 0) & np.append(inside, False)[taken]
    if not inside.size:
        return right, np.full(len(taken), share)
    best_inside = overlaps[:, inside].max(axis=1, initial=-1)
    best_outside = overlaps[:, ~inside].max(axis=1, initial=-1)
    wrong = np.where(best_inside > best_outside, 1.0, (~inside).mean())
    wrong[best_outside > best_inside] = 0
    wrong[taken >= 0] = 0
    return right, wrong


def _precision(scores, right, wrong, num_objects, points):
    order = np.argsort(-scores, kind="stable")
    right, wrong = np.cumsum(right[order]), np.cumsum(wrong[order])
    recall = right / max(num_objects, 1)
    precision = right / np.maximum(right + wrong, np.finfo(float).eps)
    area = average_precision(recall, precision, points=points)
    return ClassPrecision(
        num_objects=num_objects,
        scores=scores[order],
        recall=recall,
        precision=precision,
        average_precision=area if num_objects else float("nan"),
    )


def average_precision(recall, precision, *, points=None):
    """Area under a curve whose precision is made to fall with recall.

    Args:
        recall: `(N,)`, not falling.
        precision: `(N,)`.
        points: see `evaluate_detections`.

    Returns:
        A float in 0..1.
    """
    # The best precision at this recall or a higher one.
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    if points is None:
        return float(np.sum(np.diff(recall, prepend=0) * precision))
    first = np.searchsorted(recall, np.linspace(0, 1, points), side="left")
    return float(np.append(precision, 0)[first].mean())
