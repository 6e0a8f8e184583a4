import csv
import importlib

import numpy as np

from benchmarks.support import records, windows
from offkeras.data.synthetic.moving_windows import MOTIONS

few_shot = importlib.import_module("benchmarks.few_shot.__main__")
moving_camera = importlib.import_module("benchmarks.moving_camera.__main__")


class Told:
    """A recognizer that knows one class alone."""

    output = ("appearance", "off_1", "off_2", "off_3")

    def __init__(self, classes, known):
        self.scores = np.eye(classes, dtype="float32")[known]
        self.input = {"frames": np.zeros((1, 2, 32, 32, 3))}

    def load(self):
        return self

    def __call__(self, inputs, training):
        scores = np.tile(self.scores, (len(inputs["frames"]), 1))
        return dict.fromkeys(self.output, scores)


def test_the_shipped_model_has_a_row(tmp_path, monkeypatch):
    told = Told(len(MOTIONS), 4)
    monkeypatch.setattr(moving_camera.inference, "trained_model", lambda *_: told)
    path = tmp_path / "a.csv"
    for _ in range(2):
        moving_camera.main(["--out", str(path), "--clips", "1"])
    (row,) = records.read(path)
    # One clip of each class, so one of nine is right.
    assert {row[n] for n in (*Told.output, "fused")} == {f"{1 / 9:.3f}"}


def test_a_row_a_run_and_none_twice(tmp_path, monkeypatch):
    given, told = [], Told(len(few_shot.MOTIONS), 0)
    monkeypatch.setattr(few_shot, "TESTS", 1)
    monkeypatch.setattr(few_shot.train, "main", given.append)
    monkeypatch.setattr(few_shot.inference, "trained_model", lambda *_: told)
    path = tmp_path / "a.csv"
    arguments = ["--out", str(path), "--seeds", "3", "--counts", "1"]
    few_shot.main([*arguments, "--starts", "motion"])
    few_shot.main([*arguments, "--starts", "motion", "ImageNet"])
    assert [argv[-2:] for argv in given] == [["--seed", "3"], ["--init", ""]]
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["start"] for row in rows] == ["motion", "ImageNet"]
    assert {row["fused"] for row in rows} == {"0.200"}


def test_clips_of_the_test_are_no_clips_of_the_training(tmp_path):
    one = windows.write_clips(
        tmp_path / "a", [windows.TEST], {"still": {}}, 1, "few shot 0"
    )
    other = windows.write_clips(
        tmp_path / "b", [windows.TEST], {"still": {}}, 1, "few shot test"
    )
    files = [(folder / "still/00.mp4").read_bytes() for folder in (one, other)]
    assert files[0] != files[1] and windows.TEST not in few_shot.SAMPLES
