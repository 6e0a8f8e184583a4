import contextlib
import io
import types

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from offkeras.metrics import (
    Detections,
    evaluate_detections,
    evaluate_ranges,
    mean_average_precision,
)
from offkeras.metrics.detection import average_precision, box_iou


def truth(boxes=(), classes=None):
    boxes = np.reshape(np.float32(boxes), (-1, 4))
    classes = np.zeros(len(boxes), int) if classes is None else np.array(classes, int)
    return types.SimpleNamespace(boxes=boxes, classes=classes)


def detections(boxes=(), scores=(), classes=None):
    boxes = np.reshape(np.float32(boxes), (-1, 4))
    classes = np.zeros(len(boxes), int) if classes is None else np.array(classes, int)
    return Detections(boxes, np.array(scores, float), classes)


def random_set(seed, *, num_frames=60, num_classes=3):
    """Frames with 0-4 objects, detections near them and anywhere, small boxes too."""
    rng = np.random.default_rng(seed)
    frames, found = [], []
    for _ in range(num_frames):
        count = rng.integers(5)
        corner = rng.uniform(0, 80, (count, 2))
        boxes = np.hstack([corner, corner + rng.uniform(4, 50, (count, 2))])
        classes = rng.integers(num_classes, size=count)
        frames.append(truth(boxes, classes))
        near = np.repeat(np.arange(count), 2)
        moved = boxes[near] + rng.normal(0, 4, (len(near), 4))
        corner = rng.uniform(0, 80, (rng.integers(4), 2))
        boxes = np.vstack([moved, np.hstack([corner, corner + 20])])
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2])
        labels = rng.integers(num_classes, size=len(boxes))
        labels[: len(near)] = np.where(
            rng.uniform(size=len(near)) < 0.8, classes[near], labels[: len(near)]
        )
        found.append(detections(boxes, rng.uniform(size=len(boxes)), labels))
    return frames, found


def coco_ap50(frames, found, num_classes):
    """AP50 of each class by pycocotools."""

    def xywh(box):
        return [*map(float, box[:2]), *map(float, box[2:] - box[:2])]

    annotations = [
        {
            "image_id": i,
            "category_id": int(label),
            "bbox": xywh(box),
            "area": float(np.prod(box[2:] - box[:2])),
            "iscrowd": 0,
        }
        for i, frame in enumerate(frames)
        for box, label in zip(frame.boxes, frame.classes, strict=True)
    ]
    annotations = [{"id": n + 1, **a} for n, a in enumerate(annotations)]
    results = [
        {"image_id": i, "category_id": int(label), "bbox": xywh(box), "score": score}
        for i, d in enumerate(found)
        for box, score, label in zip(d.boxes, d.scores, d.classes, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [
                {"id": i, "width": 200, "height": 200} for i in range(len(frames))
            ],
            "annotations": annotations,
            "categories": [{"id": label} for label in range(num_classes)],
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.params.iouThrs = np.array([0.5])
        evaluation.params.maxDets = [300]
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][0, :, :, 0, 0].mean(axis=0)


@pytest.mark.parametrize("seed", range(3))
def test_ap50_is_that_of_pycocotools(seed):
    frames, found = random_set(seed)
    results = evaluate_detections(
        frames, found, num_classes=3, pixel_tolerance=None, points=101
    )
    expected = coco_ap50(frames, found, 3)
    assert 0.2 < expected.mean() < 0.9
    np.testing.assert_allclose([r.average_precision for r in results], expected)
    assert mean_average_precision(results) == pytest.approx(expected.mean())


def reference_iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (area - width * height)


def reference_ap(frames, found, label, tolerance, numbers=None, low=0, high=0):
    """The rules of the protocol, one detection at a time."""
    numbers = numbers or [[0] * len(frame.classes) for frame in frames]
    everything = [n for row in numbers for n in row]
    share = sum(low <= n <= high for n in everything) / len(everything)
    rows, num_objects = [], 0
    for frame, detected, row in zip(frames, found, numbers, strict=True):
        outside = [not low <= n <= high for n in row]
        free = [True] * len(row)
        for k, c in enumerate(frame.classes):
            num_objects += c == label and not outside[k]
        for j in sorted(range(len(detected.scores)), key=lambda j: -detected.scores[j]):
            best, chosen, most = 0, None, {True: -1, False: -1}
            for k, box in enumerate(frame.boxes.astype(float)):
                iou = reference_iou(detected.boxes[j].astype(float), box)
                most[outside[k]] = max(most[outside[k]], iou)
                w, h = box[2] - box[0], box[3] - box[1]
                needed = 0.5
                if tolerance is not None:
                    small = (w * h) / ((w + tolerance) * (h + tolerance))
                    needed = min(needed, small)
                same = frame.classes[k] == detected.classes[j]
                if same and free[k] and iou >= needed and iou > best:
                    best, chosen = iou, k
            if chosen is not None:
                free[chosen] = False
                right, wrong = float(not outside[chosen]), 0
            elif not row:
                right, wrong = 0, share
            elif most[True] == most[False]:
                right, wrong = 0, sum(outside) / len(outside)
            else:
                right, wrong = 0, float(most[False] > most[True])
            if detected.classes[j] == label:
                rows.append((-detected.scores[j], right, wrong))
    area, before, points = 0.0, 0.0, []
    right = wrong = 0.0
    for _, is_right, is_wrong in sorted(rows):
        right, wrong = right + is_right, wrong + is_wrong
        points.append((right / num_objects, right / max(right + wrong, 1e-16)))
    for i, (recall, _) in enumerate(points):
        area += (recall - before) * max(p for _, p in points[i:])
        before = recall
    return area


@pytest.mark.parametrize("tolerance", [10, 3, None])
def test_the_rule_of_imagenet_vid(tolerance):
    frames, found = random_set(4)
    results = evaluate_detections(
        frames, found, num_classes=3, pixel_tolerance=tolerance
    )
    for label, result in enumerate(results):
        expected = reference_ap(frames, found, label, tolerance)
        assert result.average_precision == pytest.approx(expected)


def test_the_tolerance_is_looser():
    frames, found = random_set(5)
    tolerant, strict = (
        mean_average_precision(
            evaluate_detections(frames, found, num_classes=3, pixel_tolerance=p)
        )
        for p in (10, None)
    )
    assert tolerant > strict + 0.02


@pytest.mark.parametrize("high", [0.3, 0.6, 1.0])
def test_ranges(high):
    frames, found = random_set(6, num_frames=80)
    rng = np.random.default_rng(0)
    numbers = [rng.uniform(size=len(frame.classes)) for frame in frames]
    ranges = {"low": (0, high), "rest": (high, 1)}
    results = evaluate_ranges(frames, found, numbers, ranges, num_classes=2)
    assert list(results) == ["low", "rest"]
    for name, (low, top) in ranges.items():
        for label, result in enumerate(results[name]):
            rows = [row.tolist() for row in numbers]
            inside = [
                low <= n <= top and c == label
                for row, frame in zip(rows, frames, strict=True)
                for n, c in zip(row, frame.classes, strict=True)
            ]
            assert result.num_objects == sum(inside)
            if any(inside):
                expected = reference_ap(frames, found, label, 10, rows, low, top)
                assert result.average_precision == pytest.approx(expected)
            else:
                assert np.isnan(result.average_precision)


def test_a_small_object_by_hand():
    frame = truth([0, 0, 10, 10])  # found at an IoU of 100 / 400
    for shift, found in ((5, True), (6.1, False)):  # IoU 1/3 and 0.24
        result = evaluate_detections(
            [frame], [detections([shift, 0, 10 + shift, 10], [0.5])], num_classes=1
        )
        assert result[0].average_precision == float(found)


def test_another_object_is_taken_where_the_best_is_too_far():
    """The large object needs an IoU of 0.5, the small one 0.25."""
    frame = truth([[0, 0, 30, 25], [15, 0, 25, 10]])
    found = detections([[15, 0, 30, 20]], [0.5])
    iou = box_iou(found.boxes, frame.boxes)[0]
    assert iou == pytest.approx([0.4, 1 / 3])
    (result,) = evaluate_detections([frame], [found], num_classes=1)
    assert result.recall.tolist() == [0.5]


def test_empty_frames_and_classes():
    frames = [truth(), truth([0, 0, 50, 50])]
    found = [detections([0, 0, 50, 50], [0.9]), detections([0, 0, 50, 50], [0.8])]
    kept = evaluate_detections(frames, found, num_classes=2)
    assert kept[0].average_precision == 0.5  # the surer one is wrong
    assert kept[0].precision.tolist() == [0, 0.5]
    assert kept[0].recall.tolist() == [0, 1]
    assert kept[0].scores.tolist() == [0.9, 0.8]
    assert kept[1].num_objects == 0 and np.isnan(kept[1].average_precision)
    assert mean_average_precision(kept) == 0.5

    nothing = evaluate_detections(frames, [detections()] * 2, num_classes=1)
    assert nothing[0].average_precision == 0
    empty = evaluate_detections(frames[:1], found[:1], num_classes=1)
    assert np.isnan(mean_average_precision(empty))


def test_an_object_is_taken_once_and_in_its_class():
    box = [0, 0, 50, 50]
    found = detections([box] * 3, [0.9, 0.8, 0.7], [1, 0, 0])
    first, second = evaluate_detections([truth(box)], [found], num_classes=2)
    assert first.precision.tolist() == [1, 0.5]
    assert second.precision.tolist() == [0]


def test_average_precision():
    recall, precision = np.array([0.5, 0.5, 1.0]), np.array([1.0, 0.5, 2 / 3])
    assert average_precision(recall, precision) == pytest.approx(0.5 + 0.5 * 2 / 3)
    sampled = (51 + 50 * 2 / 3) / 101
    assert average_precision(recall, precision, points=101) == pytest.approx(sampled)


def test_lists_of_unequal_length():
    with pytest.raises(ValueError, match="2 frames, 1 detections, 2 numbers"):
        evaluate_detections([truth()] * 2, [detections()], num_classes=1)
