from pathlib import Path

import pytest

from benchmarks import two_stream as benchmark
from benchmarks.support import records


def test_table():
    times = {"RGB": 1, "Flow": 2, "tvl1": 60, "dis": 3}
    times |= {"RGB + OFF(RGB)": 1.5, "RGB Diff + OFF(RGB Diff)": 2.5}
    medians = {name: (seconds, 0.1) for name, seconds in times.items()}
    rows = benchmark.table(medians, 25, records.environment("two_stream"))
    rows = {row["system"]: row for row in rows}
    columns = records.columns(Path(benchmark.__file__).with_suffix(".csv"))
    assert all(set(row) == set(columns) for row in rows.values())
    speeds = {name: float(row["segments_per_second"]) for name, row in rows.items()}
    assert speeds == pytest.approx(
        {
            "RGB": 25,
            "RGB + OFF(RGB)": 25 / 1.5,
            benchmark.OURS: 25 / 4,
            "RGB + Flow, TV-L1": 25 / 63,
            "RGB + Flow, DIS": 25 / 6,
        },
        abs=0.01,
    )
    tvl1 = rows["RGB + Flow, TV-L1"]
    assert (tvl1["flow_seconds"], tvl1["network_seconds"]) == ("60.000", "3.000")
    assert tvl1["ratio_to_ours"] == "0.063"
    assert [row["flow_pairs"] for row in rows.values()] == [0, 0, 0, 5, 5]


def test_every_part_is_timed_at_the_sizes_of_the_paper(monkeypatch):
    monkeypatch.setattr(benchmark, "NETWORKS", {})
    parts = benchmark.cases(2)
    assert parts.keys() == {"tvl1", "dis"}
    assert len(parts["dis"].pairs) == 2 * benchmark.PAIRS
    assert parts["dis"].pairs[0][0].shape == (256, 340)
    assert parts["dis"].seconds() > 0


def test_flow_network_gets_ten_channels(monkeypatch):
    network = benchmark.NETWORKS["Flow"]
    monkeypatch.setattr(benchmark, "NETWORKS", {"Flow": network})
    case = benchmark.cases(1)["Flow"]
    assert case.inputs[0].shape == (1, 1, 224, 224, 10)
    assert case.seconds() > 0


def test_unknown_option_is_an_error(capsys):
    with pytest.raises(SystemExit):
        benchmark.parse(["--out", "speed.csv", "--method", "dis"])
    assert "--method" in capsys.readouterr().err
