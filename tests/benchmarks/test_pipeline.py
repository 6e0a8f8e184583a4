from pathlib import Path

import pytest

from benchmarks.pipeline import __main__ as benchmark
from benchmarks.pipeline import cases
from benchmarks.support import records
from offkeras import data, modalities


@pytest.fixture
def options(tmp_path):
    arguments = ["--out", str(tmp_path / "speed.csv"), "--videos", "2", "--frames", "8"]
    return benchmark.parse([*arguments, "--steps", "2", "--batch", "2"])


@pytest.mark.slow
@pytest.mark.exhaustive
def test_the_cheap_cases_on_two_tiny_videos(options, tmp_path, monkeypatch):
    cases.write_videos(tmp_path / "many", videos=2, frames=8)
    paths = [str(path) for path in (tmp_path / "many").rglob("*.avi")]
    assert [data.probe(path).num_frames for path in paths] == [8, 8]
    shards = tmp_path / "many_shards"
    cases.write_shards(tmp_path / "many", shards, flow="dis", workers=1)
    monkeypatch.setattr(cases, "FLOW_PAIRS", 1)
    for case in ("dis", "pipeline_rgb_diff", "pipeline_flow", "pipeline_codec"):
        assert benchmark.CASES[case](tmp_path, options) > 0
    assert [cases.decode_and_encode(path) for path in paths] == [8, 8]


def test_table(options):
    medians = {name: (2.0 + i, 100.0) for i, name in enumerate(benchmark.CASES)}
    rows = benchmark.table(medians, options, records.environment("pipeline"))
    columns = records.columns(Path(benchmark.__file__).parent.with_suffix(".csv"))
    assert all(set(row) == set(columns) for row in rows)
    preparation, tvl1, dis = rows[:3]
    assert preparation["value"] == "2.00" and preparation["reference_value"] == "3.00"
    assert preparation["ratio_to_reference"] == "0.667"
    assert (tvl1["ratio_to_reference"], dis["ratio_to_reference"]) == ("0.800", "1.250")
    assert [row["frames"] for row in rows[-2:]] == [8, 8 * benchmark.LONG]
    assert {row["modality"] for row in rows[3:-2]} == {*modalities.MODALITIES}


def test_medians_over_rounds(options, monkeypatch):
    values = {name: iter([3, 1, 2]) for name in benchmark.CASES}

    def alone(function, name, folder, o):
        assert (function, folder, o) == (benchmark.run_case, "folder", options)
        value = next(values[name])
        return value, 10 * value

    monkeypatch.setattr(benchmark.memory, "alone", alone)
    medians = benchmark.measure("folder", options)
    assert medians["prepare"] == medians["long"] == (2, 20)


def test_unknown_option_is_an_error(capsys):
    with pytest.raises(SystemExit):
        benchmark.parse(["--out", "speed.csv", "--repeat", "3"])
    assert "--repeat" in capsys.readouterr().err
