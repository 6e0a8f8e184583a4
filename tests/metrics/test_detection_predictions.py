import json
import types

import numpy as np
import pytest

from offkeras.metrics import (
    Detections,
    collect_detections,
    read_predictions,
    write_predictions,
)


def frame(video, position):
    video = types.SimpleNamespace(name=video)
    return types.SimpleNamespace(video=video, position=position)


FRAMES = [frame("a", 0), frame("a", 1), frame("b", 0)]
LINES = [
    {"video": "b", "frame": 0, "boxes": [], "scores": [], "classes": []},
    {
        "video": "a",
        "frame": 0,
        "boxes": [[1, 2, 3, 4.5], [0, 0, 0, 9]],
        "scores": [0.5, 1],
        "classes": [2, 0],
    },
    {"video": "a", "frame": 1, "boxes": [[0, 0, 1, 1]], "scores": [0], "classes": [1]},
]


@pytest.fixture
def write(tmp_path):
    def write(*lines):
        path = tmp_path / "predictions.jsonl"
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text("\n".join(texts) + "\n")
        return path

    return write


def test_lines_in_any_order(write):
    first, second, third = read_predictions(write(*LINES), FRAMES, num_classes=3)
    assert first.boxes.tolist() == [[1, 2, 3, 4.5], [0, 0, 0, 9]]
    assert first.scores.tolist() == [0.5, 1]
    assert first.classes.tolist() == [2, 0] and first.classes.dtype == int
    assert second.classes.tolist() == [1]
    assert third.boxes.shape == (0, 4) and third.scores.shape == (0,)


def test_what_is_written_is_read(tmp_path):
    rng = np.random.default_rng(0)
    written = []
    for count in (3, 0, 5):
        corner = rng.uniform(0, 50, (count, 2)).astype(np.float32)
        boxes = np.hstack([corner, corner + 1])
        classes = rng.integers(3, size=count, dtype=np.int32)
        written.append(Detections(boxes, np.float32(rng.uniform(size=count)), classes))
    path = tmp_path / "predictions.jsonl"
    write_predictions(path, FRAMES, written)
    found = read_predictions(path, FRAMES, num_classes=3)
    for one, other in zip(written, found, strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=0.0051)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-6)
        np.testing.assert_array_equal(one.classes, other.classes)


@pytest.mark.parametrize(
    "values, message",
    [
        ({"boxes": [[0, 0, 1]]}, r"Line 4 must have four numbers .*\(1, 3\)"),
        ({"scores": [0.5, 0.6]}, r"Line 4 must have .*\(1, 4\), \(2,\), \(1,\)"),
        ({"scores": [[0.5]], "classes": [[0]]}, r"\(1, 1\)"),
        ({"boxes": [[0, 0, 1, 1], [2]]}, "a list of numbers in boxes"),
        ({"boxes": 3}, "a list of numbers in boxes"),
        ({"scores": ["0.5"]}, "a list of numbers in scores"),
        ({"scores": [True]}, "a list of numbers in scores"),
        ({"scores": [float("nan")]}, "a list of numbers in scores"),
        ({"scores": [None]}, "a list of numbers in scores"),
        ({"boxes": [[0, 0, 10**400, 1]]}, "a list of numbers in boxes"),
        ({"boxes": [[5, 0, 4, 1]]}, "a box with x2 < x1"),
        ({"classes": [3]}, r"classes in 0..2. Received: \[3.0\]"),
        ({"classes": [0.5]}, "classes in 0..2"),
        ({"frame": "1"}, "a string as video and an integer as frame"),
        ({"frame": True}, "a string as video and an integer as frame"),
        ({"video": None}, "a string as video and an integer as frame"),
        ({"more": 1}, r"must have the keys \['boxes', 'classes'"),
        ({"video": "c"}, r"Line 4 is for frame \('c', 1\), not in the dataset"),
        ({}, r"Line 4 is the second for frame \('a', 1\)"),
    ],
)
def test_a_wrong_line_is_named(write, values, message):
    path = write(*LINES, {**LINES[-1], **values})
    with pytest.raises(ValueError, match=message) as error:
        read_predictions(path, FRAMES, num_classes=3)
    assert str(path) in str(error.value)


def test_wrong_files(write, tmp_path):
    with pytest.raises(ValueError, match=r"1 of 3 frames .* \('b', 0\)"):
        read_predictions(write(*LINES[1:]), FRAMES, num_classes=3)
    with pytest.raises(ValueError, match="(?s)Line 1 is no JSON.*Line 2 must have the"):
        read_predictions(write("{", "[]", *LINES), FRAMES, num_classes=3)
    with pytest.raises(ValueError, match="Line 1 is no JSON"):
        read_predictions(write("[" * 100_000, *LINES), FRAMES, num_classes=3)
    with pytest.raises(ValueError, match="Line 1 has more than 4194304 characters"):
        read_predictions(write(" " * 5_000_000), FRAMES, num_classes=3)
    with pytest.raises(ValueError, match="none.jsonl. Found no such file"):
        read_predictions(tmp_path / "none.jsonl", FRAMES, num_classes=3)


def test_detections_are_collected_in_pixels_of_the_files():
    batches = [
        {
            "frames": np.zeros((2, 2, 20, 30, 3)),
            "scale": np.float32([[2, 4, 2, 4]] * 2),
        },
        {"frames": np.zeros((1, 2, 20, 30, 3)), "scale": np.ones((1, 4), np.float32)},
    ]

    def detect(frames):
        count = len(frames)
        return {
            "boxes": np.tile(np.float32([2, 4, 20, 16]), (count, 3, 1)),
            "scores": np.tile(np.float32([0.9, 1e-4, 0.8]), (count, 1)),
            "classes": np.tile([2, 1, 0], (count, 1)),
            "count": np.arange(count) + 2,
        }

    found = collect_detections(detect, batches)
    # The third is valid in the second frame only; the second has no score to speak of.
    assert [d.classes.tolist() for d in found] == [[2], [2, 0], [2]]
    assert found[0].boxes.tolist() == [[1, 1, 10, 4]]
    assert found[2].boxes.tolist() == [[2, 4, 20, 16]]
    assert len(collect_detections(detect, batches, min_score=0)[1].scores) == 3
