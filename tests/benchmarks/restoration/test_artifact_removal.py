import csv
from pathlib import Path

import pytest

from benchmarks import artifact_removal as benchmark
from benchmarks.support import records

COLUMNS = records.columns(Path(benchmark.__file__).with_suffix(".csv"))


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    out = tmp_path_factory.mktemp("speed") / "speed.csv"
    # A row of another TensorFlow stays.
    out.write_text(",".join(COLUMNS) + "\nDnCNN,False,1,0,1.0.0\n")
    arguments = ["--out", str(out), "--height", "8", "--width", "12"]
    benchmark.main([*arguments, "--rounds", "1", "--warm-up", "0"])
    benchmark.main([*arguments, "--rounds", "1", "--warm-up", "0"])
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def find(rows, model, filters="64", streaming="False"):
    (row,) = [
        row
        for row in rows[1:]
        if (row["model"], row["filters"], row["streaming"])
        == (model, filters, streaming)
    ]
    return row


@pytest.mark.slow
@pytest.mark.exhaustive
def test_every_case_has_a_row(rows):
    assert rows[0]["tensorflow"] == "1.0.0"
    assert len(rows) == 1 + 9


@pytest.mark.slow
@pytest.mark.exhaustive
def test_flop(rows):
    """667,008 multiply-adds a pixel for DnCNN; OFF as computed by hand."""
    dncnn = find(rows, "DnCNN", "0")
    assert dncnn["parameters"] == "668227"
    assert float(dncnn["gflop_per_frame"]) == pytest.approx(
        2 * 667_008 * 96 / 1e9, abs=0.05
    )
    # A head is 3*64*9 + 2*64*64*9 and 64*64; OFF 2 depthwise 3x3; 5 refining
    # convolutions, the first of which sees 2+1 or 2+2 gradients and the features.
    head = 3 * 64 * 9 + 2 * 64 * 64 * 9 + 64 * 64
    tail = 17 * 64 * 64 * 9 + 64 * 3 * 9
    for num_frames, streaming, heads in (
        (2, "False", 2),
        (2, "True", 1),
        (3, "False", 3),
        (3, "True", 1),
    ):
        off = 2 * 9 * 64 + (num_frames + 2) * 64 * 64 * 9 + 4 * 64 * 64 * 9
        row = find(rows, f"OFF({num_frames})", streaming=streaming)
        expected = (heads * head + off + tail) / 667_008
        assert float(row["flop_to_dncnn"]) == pytest.approx(expected, abs=1e-3)
    assert float(find(rows, "OFF(3)", streaming="True")["flop_to_dncnn"]) < 1.57


class Case:
    columns = dict(parameters=1, filters=2, streaming=False)

    def __init__(self, name, gflop):
        self.name, self.gflop = name, gflop


def test_figures_agree():
    """Passes of 2 and of 3 seconds, a product of half a second before them."""
    options = benchmark.parse(["--out", "speed.csv"])
    medians = {Case("DnCNN", 40): (2.0, 0.5), Case("OFF(2)", 90): (3.0, 0.5)}
    environment = records.environment("artifact_removal")
    dncnn, off = benchmark.table(medians, options, environment)
    assert set(dncnn) == set(off) == set(COLUMNS)
    assert (dncnn["milliseconds"], off["milliseconds"]) == ("2000.0", "3000.0")
    assert (dncnn["frames_per_second"], off["frames_per_second"]) == ("0.50", "0.33")
    assert (dncnn["gflops"], off["gflops"]) == ("20", "30")
    assert off["matmul_gflops"] == "34"  # 2 * 2048^3 in half a second: 34.36
    assert (dncnn["ratio_to_matmul"], off["ratio_to_matmul"]) == ("0.582", "0.873")
    assert (dncnn["time_to_dncnn"], off["time_to_dncnn"]) == ("1.000", "1.500")
    assert off["flop_to_dncnn"] == "2.250"
