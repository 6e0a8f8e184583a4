"""The predictions of a detector on a dataset, in one file: a JSON object a line.

    {"video": "val/a", "frame": 0, "boxes": [[1, 2, 30, 40]], "scores": [0.9],
     "classes": [3]}

Every frame has one line, also those where nothing was found. Boxes are x1, y1, x2,
y2 in pixels of the image file, right and lower edges exclusive; classes from 0.
"""

import json
from pathlib import Path

import numpy as np

from offkeras.metrics.detection import Detections

MAX_LINE = 1 << 22  # characters; 300 detections have some 30,000


def collect_detections(detect, dataset, *, min_score=1e-3):
    """Runs a detector over a dataset.

    Args:
        detect: function of uint8 frames `(B, T, H, W, 3)` that returns a dict of
            `boxes` `(B, N, 4)` in pixels of these frames, `scores` `(B, N)`,
            `classes` `(B, N)` and `count` `(B,)`, of which the first are valid.
        dataset: the dataset of `evaluate` of a `DetectionVideos`.
        min_score: detections below this score are left out.

    Returns:
        List of `Detections` in pixels of the image files, one per frame.
    """
    detections = []
    for batch in dataset:
        found = {name: np.asarray(a) for name, a in detect(batch["frames"]).items()}
        for i, scale in enumerate(np.asarray(batch["scale"])):
            kept = np.arange(found["scores"].shape[1]) < found["count"][i]
            kept &= found["scores"][i] >= min_score
            detections.append(
                Detections(
                    boxes=found["boxes"][i][kept] / scale,
                    scores=found["scores"][i][kept],
                    classes=found["classes"][i][kept],
                )
            )
    return detections


def write_predictions(path, frames, detections):
    """Writes a predictions file.

    Args:
        path: path of the file.
        frames: annotated frames, see `offkeras.data.DetectionVideos`.
        detections: `Detections` of each of these frames.

    Raises:
        ValueError: if a box or a score is no finite number.
    """
    with open(path, "w", encoding="utf-8") as file:
        for frame, found in zip(frames, detections, strict=True):
            line = {
                "video": frame.video.name,
                "frame": frame.position,
                "boxes": np.round(np.asarray(found.boxes, np.float64), 2).tolist(),
                "scores": np.round(np.asarray(found.scores, np.float64), 6).tolist(),
                "classes": np.asarray(found.classes).tolist(),
            }
            try:
                file.write(json.dumps(line, allow_nan=False) + "\n")
            except ValueError as error:
                raise ValueError(
                    f"{path}: expected boxes and scores that are finite numbers. "
                    f"Received: NaN or infinity in frame {frame.position} of "
                    f"{frame.video.name}."
                ) from error


def read_predictions(path, frames, *, num_classes):
    """Reads a predictions file.

    Args:
        path: path of the file.
        frames: the annotated frames that it must be about, all of them once.
        num_classes: number of classes.

    Returns:
        List of `Detections`, one for each of `frames`.

    Raises:
        ValueError: if a line breaks the schema or frames are missing, unknown or
            there twice: one error that names lines and frames.
    """
    if not Path(path).is_file():
        raise ValueError(f"Expected predictions in {path}. Found no such file.")
    wanted = {(frame.video.name, frame.position) for frame in frames}
    found, problems = {}, []
    # A byte that is no UTF-8 becomes a character that no name has.
    with open(path, encoding="utf-8", errors="replace") as file:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                problems.append(f"Line {number} has more than {MAX_LINE} characters.")
                break
            try:
                frame, detections = _parse(line, num_classes)
                if frame in found:
                    raise ValueError(f"is the second for frame {frame}.")
                if frame not in wanted:
                    raise ValueError(f"is for frame {frame}, not in the dataset.")
                found[frame] = detections
            except ValueError as error:
                problems.append(f"Line {number} {error}")
    missing = sorted(wanted - set(found))
    if missing and not problems:
        problems.append(
            f"{len(missing)} of {len(wanted)} frames have no line, among them "
            f"{', '.join(map(str, missing[:5]))}."
        )
    if problems:
        listing = "\n".join(f"  {problem}" for problem in problems[:50])
        raise ValueError(f"{len(problems)} problem(s) in {path}:\n{listing}")
    return [found[frame.video.name, frame.position] for frame in frames]


def _parse(line, num_classes):
    """`(video, frame)` and the `Detections` of a line."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("is no JSON.") from None
    keys = {"video", "frame", "boxes", "scores", "classes"}
    if not isinstance(row, dict) or set(row) != keys:
        raise ValueError(f"must have the keys {sorted(keys)}.")
    video, frame = row["video"], row["frame"]
    if not isinstance(video, str) or type(frame) is not int:
        raise ValueError("must have a string as video and an integer as frame.")
    boxes = _numbers(row, "boxes")
    boxes = boxes.reshape(-1, 4) if boxes.size == 0 else boxes
    scores, classes = _numbers(row, "scores"), _numbers(row, "classes")
    count = len(boxes)
    if boxes.shape != (count, 4) or not scores.shape == classes.shape == (count,):
        raise ValueError(
            "must have four numbers in boxes and one in scores and in classes for "
            f"each detection. Received: {boxes.shape}, {scores.shape}, "
            f"{classes.shape}."
        )
    if (boxes[:, 2:] < boxes[:, :2]).any():
        raise ValueError("has a box with x2 < x1 or y2 < y1.")
    if not np.isin(classes, np.arange(num_classes)).all():
        raise ValueError(
            f"must have classes in 0..{num_classes - 1}. Received: {classes.tolist()}."
        )
    return (video, frame), Detections(boxes, scores, classes.astype(int))


def _numbers(row, key):
    try:
        values = np.array(row[key])
    except ValueError:  # lists of unequal length
        values = np.array(None)
    known = values.ndim and values.dtype.kind in "if" and np.isfinite(values).all()
    if not known:
        raise ValueError(f"must have a list of numbers in {key}.")
    return values.astype(np.float64)
