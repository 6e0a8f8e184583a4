import csv
import importlib.util
import json

import cv2
import numpy as np
import pytest

from offkeras import metrics
from offkeras.data import load_coco_vid, load_imagenet_vid, read_classes
from offkeras.training.detection import evaluate as evaluate_detection
from offkeras.training.prepare import moving_objects as prepare_moving_objects
from tests.support.vid_miniature import write_image, write_miniature


@pytest.fixture(scope="module")
def moving_objects(tmp_path_factory):
    """Moving objects, and predictions that find the discs only."""
    root = tmp_path_factory.mktemp("moving_objects")
    counts = ["--train", "1", "--validation", "1", "--test", "12"]
    prepare_moving_objects.main(["--out", str(root), *counts])
    data = load_imagenet_vid(
        root, ["VID_test_videos"], classes=read_classes(root / "classes.txt")
    )
    found = []
    for frame in data.frames:
        discs = frame.classes == 0
        found.append(
            metrics.Detections(
                frame.boxes[discs], np.full(discs.sum(), 0.9), frame.classes[discs]
            )
        )
    path = root / "predictions.jsonl"
    metrics.write_predictions(path, data.frames, found)
    return root, path


def arguments(root, predictions, out, *more):
    return [
        *("--data", str(root), "--image-set", "VID_test_videos"),
        *("--classes", str(root / "classes.txt"), "--predictions", str(predictions)),
        *("--out", str(out), *more),
    ]


def read_table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_prepared_objects(moving_objects):
    root, _ = moving_objects
    assert len((root / "ImageSets/VID_test_frames.txt").read_text().split("\n")) == 145
    assert len(list((root / "Data/VID/train").iterdir())) == 1


def test_tables_and_curves(moving_objects, tmp_path, capsys):
    out = tmp_path / "out"
    evaluate_detection.main(arguments(*moving_objects, out, "--speeds", "3,4"))
    summary = {row["protocol"]: row for row in read_table(out / "summary.csv")}
    assert list(summary) == [
        *("vid", "iou_0.5", "coco_ap50"),
        *("motion_slow", "motion_medium", "motion_fast"),
        *("speed_slow", "speed_medium", "speed_fast"),
    ]
    for protocol in ("vid", "iou_0.5", "coco_ap50"):
        assert float(summary[protocol]["mAP"]) == pytest.approx(1 / 3)
    objects = int(summary["vid"]["objects"])
    speeds = [int(summary[f"speed_{s}"]["objects"]) for s in ("slow", "medium", "fast")]
    assert sum(speeds) >= objects and min(speeds[0], speeds[2]) > 0

    classes = read_table(out / "classes.csv")
    assert [row["class"] for row in classes] == ["disc", "square", "triangle"]
    assert [float(row["AP_vid"]) for row in classes] == [1, 0, 0]
    assert sum(int(row["objects"]) for row in classes) == objects
    curves = read_table(out / "precision_recall.csv")
    assert {row["class"] for row in curves} == {"disc"}
    assert float(curves[-1]["recall"]) == float(curves[-1]["precision"]) == 1
    assert cv2.imread(str(out / "precision_recall.png")).std() > 10
    assert "vid            mAP  33.33" in capsys.readouterr().out


def test_long_curves_are_thinned(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate_detection, "CURVE_POINTS", 10)
    steps = np.linspace(0, 1, 95)
    curve = metrics.ClassPrecision(95, 1 - steps, steps, steps, 0.5)
    evaluate_detection.write_tables(tmp_path, ["a"], {"vid": [curve]})
    rows = read_table(tmp_path / "precision_recall.csv")
    assert 9 <= len(rows) <= 10


def test_pictures(moving_objects, tmp_path):
    command = arguments(*moving_objects, tmp_path, "--pictures", "4")
    if importlib.util.find_spec("keras_cv") is None:
        with pytest.raises(SystemExit, match="pip install keras-cv"):
            evaluate_detection.main(command)
        return
    evaluate_detection.main(command)
    picture = cv2.imread(str(tmp_path / "detections.png"))[..., ::-1]
    for colour in (evaluate_detection.TRUTH, evaluate_detection.FOUND):
        near = np.abs(np.int32(picture) - colour).max(axis=-1) < 30
        assert near.sum() > 50


def test_imagenet_vid_keeps_empty_frames(tmp_path):
    root = write_miniature(tmp_path)
    data = load_imagenet_vid(root, ["VID_val_videos"], keep_empty=True)
    found = [
        metrics.Detections(f.boxes, 0 * f.classes + 0.5, f.classes) for f in data.frames
    ]
    box = np.float32([[0, 0, 9, 9]])
    found[0] = metrics.Detections(box, np.ones(1), np.array([6]))  # where nothing is
    path = tmp_path / "predictions.jsonl"
    metrics.write_predictions(path, data.frames, found)
    command = ["--data", str(root), "--predictions", str(path)]
    evaluate_detection.main([*command, "--out", str(tmp_path / "out")])
    rows = {row["class"]: row for row in read_table(tmp_path / "out/classes.csv")}
    assert len(rows) == 30
    assert float(rows["car"]["AP_vid"]) == pytest.approx(4 / 5)
    assert float(rows["dog"]["AP_vid"]) == 1
    assert rows["zebra"]["AP_vid"] == "nan"


def test_coco_vid(tmp_path):
    write_image(tmp_path / "a.jpg")
    image = {"id": 1, "video_id": 1, "frame_id": 0, "file_name": "a.jpg"}
    box = {"id": 1, "image_id": 1, "category_id": 1, "instance_id": 1}
    content = {
        "videos": [{"id": 1, "name": "a"}],
        "images": [{**image, "width": 60, "height": 40}],
        "annotations": [{**box, "bbox": [1, 2, 30, 30]}],
        "categories": [{"id": 1, "name": "car"}],
    }
    annotations = tmp_path / "videos.json"
    annotations.write_text(json.dumps(content))
    data = load_coco_vid(annotations, tmp_path)
    path = tmp_path / "predictions.jsonl"
    (frame,) = data.frames
    found = metrics.Detections(frame.boxes, np.ones(1), frame.classes)
    metrics.write_predictions(path, data.frames, [found])
    command = ["--data", str(tmp_path), "--annotations", str(annotations)]
    command += ["--predictions", str(path), "--out", str(tmp_path / "out")]
    evaluate_detection.main(command)
    summary = read_table(tmp_path / "out/summary.csv")
    assert [row["mAP"] for row in summary] == ["1.0"] * 4 + ["nan"] * 2


@pytest.mark.parametrize("text", ["3", "a,b", "4,3", "0,3", "1,2,3"])
def test_wrong_speeds(text):
    with pytest.raises(SystemExit, match=f"such as 3,4. Received: {text}"):
        evaluate_detection.read_speeds(text)
