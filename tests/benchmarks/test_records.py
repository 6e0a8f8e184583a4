import os

import tensorflow as tf

from benchmarks.support import memory, records

COLUMNS = ("model", "tensorflow")


def test_replaced_are_the_rows_of_this_version_only(tmp_path):
    path = tmp_path / "speed.csv"
    old = [("old", tf.__version__), ("other", "1.0")]
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in old]
    records.write(path, rows)
    records.report(path, [{"tensorflow": tf.__version__, "model": "new"}], "{model}")
    assert records.columns(path) == [*COLUMNS]
    assert records.read(path) == [
        {"model": "other", "tensorflow": "1.0"},
        {"model": "new", "tensorflow": tf.__version__},
    ]


def test_replaced_are_the_rows_of_this_model_only(tmp_path):
    path = tmp_path / "export.csv"
    for model in ("a", "b", "a"):
        row = {"model": model, "tensorflow": "1.0"}
        records.write(path, [row], same=("model", "tensorflow"))
    assert [row["model"] for row in records.read(path)] == ["b", "a"]


def test_a_process_of_its_own():
    assert memory.alone(os.getpid) != os.getpid()
