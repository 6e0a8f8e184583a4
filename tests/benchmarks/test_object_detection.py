import csv

import keras
import numpy as np
import pytest

from benchmarks import object_detection as benchmark
from offkeras import backbones, models


def tiny_detector(scales=None):
    common = dict(
        backbone=backbones.TinyResNet(stride=16, filters=(4, 8, 8)),
        channels=8,
        num_candidates=30,
        num_proposals=10,
    )
    if scales is None:
        return models.RFCN(benchmark.NUM_CLASSES, **common)
    return models.OFFVideoDetector(
        benchmark.NUM_CLASSES, scales=scales, filters=4, **common
    )


@pytest.fixture
def tiny(monkeypatch):
    def make_detector(name, depth):
        single_frame = name in (benchmark.BASELINE, benchmark.SELECTION)
        return tiny_detector(None if single_frame else name.removeprefix("OFF "))

    monkeypatch.setattr(benchmark, "make_detector", make_detector)

    def alone(function, name, streaming, options):
        assert function is benchmark.peak_memory
        return 100 + benchmark.CASES.index((name, streaming))

    monkeypatch.setattr(benchmark.memory, "alone", alone)


def test_selection_gives_the_detections_of_the_detector():
    detector = tiny_detector()
    head = detector.get_layer("head")
    frames = np.random.default_rng(0).uniform(0, 255, (1, 1, 64, 96, 3))
    frames = keras.ops.convert_to_tensor(frames, "float32")
    names = ("rpn_class", "rpn_box", "class_maps", "box_maps")
    tapped = keras.Model(head.input, {n: head.get_layer(n).output for n in names})
    features = detector.get_layer("trunk")({"frames": frames})["features"]
    maps = tapped({"frames": frames, "features": features})
    expected = detector({"frames": frames})
    actual = benchmark.selection(detector)({"frames": frames, **maps})
    assert int(expected["count"][0]) > 0
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, atol=1e-6)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_every_case_has_a_row(tiny, tmp_path):
    out = tmp_path / "speed.csv"
    size = ["--height", "40", "--width", "72"]  # not a multiple of the stride
    benchmark.main(["--out", str(out), *size, "--rounds", "1", "--warm-up", "0"])
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["model"], r["streaming"] == "True") for r in rows] == [*benchmark.CASES]
    assert [int(r["peak_memory_mib"]) for r in rows] == [*range(100, 106)]
    baseline, single, single_step, multi, multi_step, selection = (
        float(row["flop_to_baseline"]) for row in rows
    )
    assert baseline == 1
    # The reference is left out in a stream, the finer level is more work.
    assert 1 < single_step < single
    assert single_step < multi_step < multi
    assert selection < 0.1


def test_memory_is_that_of_the_process(tiny):
    options = benchmark.parse(["--out", "speed.csv", "--height", "32", "--width", "32"])
    assert benchmark.peak_memory(*benchmark.CASES[0], options) > 100


def test_out_is_required(capsys):
    with pytest.raises(SystemExit):
        benchmark.parse([])
    assert "--out" in capsys.readouterr().err
