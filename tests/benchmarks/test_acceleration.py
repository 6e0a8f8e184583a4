from pathlib import Path

import pytest

from benchmarks import acceleration
from benchmarks.support import records, trainings

COLUMNS = records.columns(Path(acceleration.__file__).with_suffix(".csv"))


@pytest.fixture
def trained(monkeypatch):
    """Runs that only note what they were asked for."""
    calls = []

    def main(arguments):
        calls.append(arguments)
        output = arguments[arguments.index("--output") + 1]
        Path(output).mkdir(parents=True)
        with open(Path(output, "results.csv"), "w") as file:
            file.write("output,accuracy\n")
            for name in ("appearance", "off_1", "off_2", "off_3", "fused"):
                file.write(f"{name},{0.5 if name == 'appearance' else 0.9}\n")

    monkeypatch.setattr(trainings.action_recognition, "main", main)
    return calls


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_row_a_run_and_none_twice(trained, tmp_path, capsys):
    path = tmp_path / "acceleration.csv"
    arguments = ["--out", str(path), "--seeds", "0", "4"]
    acceleration.main([*arguments, "--modalities", "flow", "--size", "64"])
    assert len(trained) == 2
    acceleration.main([*arguments, "--size", "64"])
    assert len(trained) == 4  # only RGB-diff was missing
    assert trained[-1][:6] == [
        *("--preset", "acceleration", "--modality", "rgb_diff", "--seed", "4")
    ]
    assert trained[0][6:8] == ["--size", "64"]
    rows = records.read(path)
    assert all(set(row) == set(COLUMNS) for row in rows)
    assert sorted((row["modality"], row["seed"]) for row in rows) == [
        *(("flow", "0"), ("flow", "4"), ("rgb_diff", "0"), ("rgb_diff", "4"))
    ]
    assert {(row["appearance"], row["off_3"]) for row in rows} == {("0.5000", "0.9000")}
    assert "appearance  50.0 (50.0-50.0)   off_3  90.0" in capsys.readouterr().out
