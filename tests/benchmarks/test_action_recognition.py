from pathlib import Path

import pytest

from benchmarks.action_recognition import __main__ as benchmark
from benchmarks.support import records, timing
from benchmarks.support.bn_inception_table import convolutions


def table_gmac():
    """Multiply-adds of BN-Inception on one 224x224 frame, from the layer table."""
    total = 0
    for name, inputs, outputs, kernel_size, _ in convolutions():
        module = name.split("_")[1]
        size = {"7x7": 112, "3x3": 56}.get(module, {"3": 28, "4": 14}.get(module[0], 7))
        # A module that halves the resolution does so in its last 3x3.
        if module in ("3c", "4e") and name.endswith(("c_3x3", "e_3x3", "3x3_2")):
            size //= 2
        total += size**2 * kernel_size**2 * inputs * outputs
    return total / 1e9


@pytest.mark.slow
@pytest.mark.exhaustive
def test_flops():
    """The backbone's as tabulated; 50.8 and 19.1 GMAC for 25 frames when released."""
    gmac = {
        name: benchmark.keras_case(
            name, make(101, num_segments=None), "plain", segments=25, batch=1
        ).gflop
        / 2
        for name, make in benchmark.MODELS.items()
        if "paper" not in name
    }
    backbone = gmac["appearance"]
    classifier = 25 * 1024 * 101 / 1e9
    assert backbone == pytest.approx(25 * table_gmac() + classifier, rel=1e-9)
    assert backbone == pytest.approx(50.8, abs=0.05)
    off = gmac["appearance + OFF (released)"] - backbone
    # The fixed 3x3 gradients, of 32 channels of every tap but the last frame's,
    # are no part of the tabulated figure.
    gradients = 24 * 32 * 9 * (2 * 28**2 + 5 * 14**2 + 2 * 7**2) / 1e9
    assert off - gradients == pytest.approx(19.1, abs=0.05)


def test_table():
    class Case:
        gflop = 14 * 4.0
        columns = dict(framework="keras", graph="plain", segments=7, batch=2)

        def __init__(self, name):
            self.name = name

    # 14 frames in 0.1 and 0.2 s; the product in 0.1 s: 171.8 GFLOP/s.
    medians = {
        Case("appearance"): (0.1, 0.1),
        Case("appearance + OFF (paper)"): (0.2, 0.1),
    }
    first, second = benchmark.table(
        medians, {**records.environment("a"), "torch": "2.0"}
    )
    columns = records.columns(Path(benchmark.__file__).parent.with_suffix(".csv"))
    assert set(first) == set(columns)
    assert [row["frames_per_second"] for row in (first, second)] == ["140.0", "70.0"]
    assert [row["gflops"] for row in (first, second)] == ["560", "280"]
    assert first["matmul_gflops"] == "172"
    assert first["ratio_to_matmul"] == "3.260"
    assert [r["ratio_to_appearance"] for r in (first, second)] == ["1.000", "0.500"]


def test_measure_takes_the_median_after_the_warm_up():
    class Case:
        times = iter([9.0, 9.0, 1.0, 5.0, 2.0])

        def seconds(self):
            return next(self.times)

    ((seconds, product),) = timing.measure([Case()], rounds=3, warm_up=2).values()
    assert seconds == 2.0
    assert product > 0


def test_unknown_option_is_an_error(capsys):
    with pytest.raises(SystemExit):
        benchmark.parse(["--out", "speed.csv", "--repeat", "3"])
    assert "--repeat" in capsys.readouterr().err
