import io
import json
import os

import numpy as np
import pytest

from offkeras import inference
from offkeras.inference import results

NAMES = ("walk", "run")


def row(video, *probabilities, names=NAMES):
    return {
        "video": video,
        "probabilities": dict(zip(names, probabilities, strict=True)),
    }


def write(path, *rows):
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_the_windows_of_a_video_are_averaged(tmp_path):
    out = tmp_path / "out"
    write(
        out / "a.jsonl",
        row("v/walk/a.mp4", 0.4, 0.6),
        row("v/walk/a.mp4", 0.9, 0.1),  # 0.65 on average
        row("v/walk/b.mp4", 0.1, 0.9),
    )
    write(out / "b.jsonl", row("v/run/a.mp4", 0.2, 0.8))
    matrix, names = inference.read_confusion(out)
    assert names == NAMES
    np.testing.assert_array_equal(matrix, [[1, 1], [0, 1]])
    matrix, _ = inference.read_confusion(out / "b.jsonl")
    np.testing.assert_array_equal(matrix, [[0, 0], [0, 1]])


def test_scores_of_a_test(tmp_path):
    path = tmp_path / "scores.npz"
    appearance = np.float32([[1, 0], [0, 3], [0, 1]])
    motion = np.float32([[0, 2], [0, 0], [2, 0]])  # sums: run, run, walk
    np.savez(
        path,
        **{"scores/appearance": appearance, "scores/off_3": motion},
        labels=np.array([0, 1, 0]),
        class_names=np.array(NAMES),
    )
    matrix, names = inference.read_confusion(path)
    assert tuple(names) == NAMES
    np.testing.assert_array_equal(matrix, [[1, 1], [0, 1]])
    np.savez(path, labels=np.array([{}], object))
    with pytest.raises(ValueError, match="scores.npz is not a file of scores"):
        inference.read_confusion(path)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "Expected results of classify --json in .* Found none"),
        ("{", r"a.jsonl:1: expected a row of classify --json"),
        ("[]", r"a.jsonl:1: expected a row of classify --json"),
        ('{"video": "a.mp4", "objects": []}', "a.jsonl:1: expected a row"),
        (
            json.dumps(row("videos/a.mp4", 1, 0)),
            "videos/a.mp4 to lie in a folder named",
        ),
        (
            json.dumps(row("walk/a.mp4", 1, 0))
            + "\n"
            + json.dumps(row("run/a.mp4", 1, 0, names=("run", "walk"))),
            r"a.jsonl:2: expected the classes \('walk', 'run'\)",
        ),
    ],
)
def test_wrong_results(text, message, tmp_path):
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(ValueError, match=message):
        inference.read_confusion(tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_stays_json(value):
    file = io.StringIO()
    message = "^a.mp4: expected results that are finite numbers.* at 1.5 s"
    with pytest.raises(ValueError, match=message):
        results.json_writer(file)({"video": "a.mp4", "time": 1.5, "score": value})
    assert file.getvalue() == ""


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_names_that_an_encoding_lacks(encoding):
    """JSON has an escape for every name, from which the bytes come back."""
    name = b"caf\xe9 \xe6\x97\xa5.mp4"  # Latin-1 and UTF-8
    found = {"video": os.fsdecode(name), "label": "marché"}
    data = io.BytesIO()
    file = io.TextIOWrapper(data, encoding)
    results.json_writer(file)(found)
    row = json.loads(data.getvalue().decode(encoding))
    assert row == found and os.fsencode(row["video"]) == name
    # As it was, where all can be written.
    data = io.StringIO()
    results.json_writer(data)({"label": "marché"})
    assert data.getvalue() == '{"label": "marché"}\n'
