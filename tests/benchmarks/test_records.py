import tensorflow as tf

from benchmarks import records

COLUMNS = ("model", "tensorflow")


def test_replaced_are_the_rows_of_this_version_only(tmp_path):
    path = tmp_path / "speed.csv"
    old = [("old", tf.__version__), ("other", "1.0")]
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in old]
    records.replace(path, COLUMNS, rows)
    records.replace(path, COLUMNS, [{"model": "new", "tensorflow": tf.__version__}])
    assert records.read(path) == [
        {"model": "other", "tensorflow": "1.0"},
        {"model": "new", "tensorflow": tf.__version__},
    ]


def test_replaced_are_the_rows_of_this_model_only(tmp_path):
    path = tmp_path / "export.csv"
    for model in ("a", "b", "a"):
        row = {"model": model, "tensorflow": "1.0"}
        records.replace(path, COLUMNS, [row], same=("model", "tensorflow"))
    assert [row["model"] for row in records.read(path)] == ["b", "a"]
