import csv
import os

import pytest

from benchmarks import scale


@pytest.fixture
def affinities(monkeypatch):
    """In this process, whose cores stay as they are; records what would change."""
    found = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: found.append(cores))
    monkeypatch.setattr(
        scale,
        "alone",
        lambda function, *arguments: {
            **function(*map(str, arguments)),
            "load": "0.0",
            "frames": scale.FRAMES,
        },
    )
    return found


def test_rows(affinities, tmp_path, monkeypatch):
    monkeypatch.setattr(scale, "QUICK", dict(VIDEOS=(2, 3), SHARDS=(1, 3), CLIPS=4))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {4, 7})
    scale.main(["--quick", "--out", str(tmp_path / "scale.csv")])
    with open(tmp_path / "scale.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    found = [
        (row["measurement"], row["videos"], row["shards"], row["workers"])
        for row in rows
    ]
    assert found == [
        *(("prepare", "2", "1", "1"), ("read", "2", "1", "1")),
        *(("prepare", "3", "1", "1"), ("read", "3", "1", "1")),
        *(("shards", "3", "1", "1"), ("shards", "3", "1", "2")),
        *(("shards", "3", "3", "1"), ("shards", "3", "3", "2")),
    ]
    assert affinities == [[7], [7], [7], [4, 7], [7], [4, 7]]
    assert all(float(row["rate"]) > 0 for row in rows)
    assert all(float(row["peak_memory_mib"]) > 100 for row in rows)
    two, three = (float(r["stored_mib"]) for r in rows if r["measurement"] == "prepare")
    assert three == pytest.approx(1.5 * two, rel=0.05)  # the same video every time
    assert rows[0]["command"].startswith("python -m benchmarks.scale --quick")


def test_unknown_option_is_an_error(capsys):
    with pytest.raises(SystemExit):
        scale.parse(["--out", "scale.csv", "--repeat", "3"])
    assert "--repeat" in capsys.readouterr().err
