"""Results as rows that other programs read: JSON lines and CSV.

JSON lines have an object a window of `classify`

    {"video": "a.mp4", "start": 0.0, "time": 0.5, "label": "walk", "confidence": 0.9,
     "probabilities": {"walk": 0.9, "run": 0.1}, "repeated": 0.0}

an object a shot of `classify --shots` (one without a label has a reason instead)

    {"video": "a.mp4", "shot": 1, "start": 0.0, "end": 2.4, "label": "walk",
     "confidence": 0.9, "reason": null, "probabilities": {"walk": 0.9, "run": 0.1}}

and an object a frame of `detect`

    {"video": "a.mp4", "time": 0.04, "repeated": false, "objects":
        [{"track": 1, "label": "disc", "score": 0.8, "box": [x1, y1, x2, y2]}]}

`repeated` marks answers that are those from before, since nothing had moved: the share
of the segments of a window, or the objects of a frame.

CSV has a row a window or a shot, without the probabilities, or a row an object. Times
are in seconds, boxes in pixels of the video, right and lower edges exclusive. Objects
of one track are one object; every video counts its tracks from 1.
"""

import csv
import json
import pathlib

import numpy as np

from offkeras.metrics import confusion_matrix, predicted_classes
from offkeras.models.task import FUSED, fuse_scores

COLUMNS = {
    "classify": ("video", "start", "time", "label", "confidence", "repeated"),
    "shots": ("video", "shot", "start", "end", "label", "confidence", "reason"),
    "detect": (
        *("video", "time", "track", "label", "score", "x1", "y1", "x2", "y2"),
        "repeated",
    ),
}


def action_row(video, prediction, class_names):
    """A `Prediction` as an object for JSON."""
    return {
        "video": str(video),
        "start": round(prediction.start, 6),
        "time": round(prediction.timestamp, 6),
        "label": class_names[prediction.label],
        "confidence": round(prediction.confidence, 6),
        "probabilities": _named(prediction.probabilities, class_names),
        "repeated": round(prediction.repeated, 6),
    }


def shot_row(video, shot, class_names):
    """A `Shot` as an object for JSON."""
    known = shot.label is not None
    return {
        "video": str(video),
        "shot": shot.number,
        "start": round(shot.start, 6),
        "end": round(shot.end, 6),
        "label": class_names[shot.label] if known else None,
        "confidence": round(shot.confidence, 6) if known else None,
        "reason": shot.reason,
        "probabilities": _named(shot.probabilities, class_names) if known else None,
    }


def _named(probabilities, class_names):
    pairs = zip(class_names, probabilities, strict=True)
    return {name: round(float(p), 6) for name, p in pairs}


def frame_row(video, found, class_names):
    """`FrameDetections` as an object for JSON."""
    objects = zip(found.tracks, found.classes, found.scores, found.boxes, strict=True)
    return {
        "video": str(video),
        "time": round(float(found.timestamp), 6),
        "repeated": bool(found.repeated),
        "objects": [
            {
                "track": int(track),
                "label": class_names[label],
                "score": round(float(score), 6),
                "box": [round(float(side), 2) for side in box],
            }
            for track, label, score, box in objects
        ],
    }


def json_writer(file):
    """A function that writes rows to a text file as JSON lines.

    What the encoding of the file lacks, such as the bytes of a name that is no UTF-8,
    is escaped as JSON has it.
    """

    def write(row):
        try:
            text = json.dumps(row, ensure_ascii=False, allow_nan=False)
        except ValueError as error:
            raise ValueError(
                f"{row.get('video')}: expected results that are finite numbers, as "
                f"JSON has them. Received: NaN or infinity at {row.get('time')} s."
            ) from error
        try:
            text.encode(getattr(file, "encoding", None) or "utf-8")
        except UnicodeEncodeError:
            text = json.dumps(row)
        file.write(text + "\n")
        file.flush()

    return write


def csv_writer(file, command):
    """A function that writes rows to a text file as CSV, after a heading.

    Args:
        file: text file, opened with `newline=""`.
        command: `"classify"`, `"shots"` or `"detect"`.
    """
    writer = csv.DictWriter(file, COLUMNS[command], extrasaction="ignore")
    writer.writeheader()

    def write(row):
        for found in row.get("objects", ({},)):
            sides = dict(
                zip(("x1", "y1", "x2", "y2"), found.get("box", ()), strict=False)
            )
            writer.writerow({**row, **found, **sides})
        file.flush()

    return write


def read_confusion(path):
    """The confusion matrix of results on videos whose class is known.

    Args:
        path: JSON lines of `classify`, or a folder of such files, of videos in a
            folder a class; the windows of a video are averaged. Or an `.npz` file of
            scores that training.test_action_recognition has written.

    Returns:
        `(matrix, class_names)`: counts by true and by predicted class.

    Raises:
        ValueError: if there are no results, or a video lies in no class's folder.
    """
    path = pathlib.Path(path)
    if path.suffix == ".npz":
        labels, predictions, names = _read_scores(path)
    else:
        labels, predictions, names = _read_rows(path)
    return confusion_matrix(labels, predictions, len(names)), names


def _read_scores(path):
    try:
        with np.load(path, allow_pickle=False) as file:
            scores = fuse_scores({name: file[f"scores/{name}"] for name in FUSED})
            labels, names = file["labels"], file["class_names"].tolist()
            return labels, predicted_classes(scores), names
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(f"{path} is not a file of scores: {error}.") from error


def _read_rows(path):
    files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
    names, sums = (), {}
    for file in files:
        for number, line in enumerate(_lines(file), start=1):
            place = f"{file}:{number}"
            video, probabilities = _read_row(line, place)
            names = names or tuple(probabilities)
            if tuple(probabilities) != names:
                raise ValueError(
                    f"{place}: expected the classes {names}. "
                    f"Received: {tuple(probabilities)}."
                )
            sums[video] = sums.get(video, 0) + np.array(list(probabilities.values()))
    if not sums:
        raise ValueError(f"Expected results of classify --json in {path}. Found none.")
    folders = [pathlib.Path(video).parent.name for video in sums]
    for video, folder in zip(sums, folders, strict=True):
        if folder not in names:
            raise ValueError(
                f"Expected {video} to lie in a folder named after its class, one of "
                f"{names}."
            )
    labels = np.array([names.index(folder) for folder in folders])
    return labels, predicted_classes(np.stack(list(sums.values()))), names


def _lines(path):
    try:
        return path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8 text ({error}).") from error


def _read_row(line, place):
    try:
        row = json.loads(line)
        probabilities = {n: float(p) for n, p in row["probabilities"].items()}
        return str(row["video"]), probabilities
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{place}: expected a row of classify --json ({error!r})."
        ) from error
