"""The ranges of the shipped restorers are those of the table."""

import collections
import csv
from pathlib import Path

import numpy as np
import pytest

from benchmarks.restoring import footage, quantisers
from offkeras import inference
from offkeras.models import DnCNN


def gains(model):
    """Gains of a model in every clip: dict of codec to dict of quantiser to list."""
    table = collections.defaultdict(lambda: collections.defaultdict(list))
    path = Path(quantisers.__file__).with_suffix(".csv")
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["model"] == model:
                gain = float(row["gain"])
                table[row["codec"]][int(row["quantiser"])].append(gain)
    return table


def test_from_the_least_quantiser_on_every_clip_gains():
    ranges = inference.trained_model("mpeg4_low").defaults["quantisers"]
    expected = {}
    for codec, by_quantiser in gains("mpeg4_low").items():
        losing = [q for q, values in by_quantiser.items() if min(values) <= 0]
        gaining = [q for q in by_quantiser if q > max(losing)]
        assert len(by_quantiser) > 5
        if len(gaining) > 1:
            expected[codec] = [min(gaining), max(gaining)]
    assert set(expected) == {"mpeg4", "mpeg2video"} and ranges == expected


@pytest.mark.parametrize("model", ["jpeg2000_q20", "jpeg2000_q40"])
def test_what_tells_no_quantiser_has_no_range(model):
    assert inference.trained_model(model).defaults == {"quantisers": {}}


def test_footage():
    clips = footage.read_footage()
    assert len(clips) == 5
    for clip in clips.values():
        assert clip.shape == (footage.FRAMES, *footage.WINDOW, 3)
        assert clip.dtype == np.uint8
    rows, columns = footage.STEP
    first, second, *_ = clips["coffee"]
    np.testing.assert_array_equal(first[rows:, columns:], second[:-rows, :-columns])


def test_a_model_that_changes_nothing_gains_nothing(monkeypatch):
    monkeypatch.setattr(quantisers, "FIXED", (4, 20))
    clip = footage.read_footage()["coffee"][:3, :48, :64]
    model = DnCNN(width=4, depth=2)  # untrained, it returns its input
    found = list(quantisers.measure("coffee", model, clip, "mpeg4"))
    assert found == [(4.0, 0.0)] * 3 + [(20.0, 0.0)] * 3
