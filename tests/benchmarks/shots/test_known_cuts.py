import itertools
import random

import numpy as np
import pytest

from benchmarks.shots import cuts as benchmark
from benchmarks.shots import footage
from benchmarks.support import records


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch):
    """Pictures that move, in place of the sample videos."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (3, 6, 60, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    scenes = {
        number: np.stack([picture[:, i : i + 80] for i in range(80)])
        for number, picture in enumerate(pictures)
    }
    monkeypatch.setattr(footage, "scenes", lambda: scenes)
    monkeypatch.setattr(footage, "HEIGHT", 48)
    monkeypatch.setattr(footage, "WIDTH", 80)


@pytest.mark.parametrize("kind", footage.KINDS)
def test_a_kind_has_cuts_where_it_says(kind):
    frames, cuts = footage.make(kind, 0)
    assert frames.dtype == np.uint8 and len(cuts) == footage.SHOTS - 1
    assert all(0 < a < b < len(frames) for a, b in itertools.pairwise(cuts))
    if kind in ("other_scenes", "moved"):
        changes = np.abs(np.diff(frames.astype(float), axis=0)).mean((1, 2, 3))
        others = np.delete(changes, np.array(cuts) - 1)
        assert changes[np.array(cuts) - 1].mean() > others.mean()
    again, _ = footage.KINDS[kind](random.Random(f"{kind} 0"))
    np.testing.assert_array_equal(frames, again)


def test_hits():
    assert benchmark.hits([10, 11, 50], [10, 30, 51], near=1) == 2
    assert benchmark.hits([], [3], near=1) == benchmark.hits([3], [], near=1) == 0


def test_table(tmp_path, monkeypatch):
    monkeypatch.setattr(
        footage, "KINDS", {"other_scenes": footage.KINDS["other_scenes"]}
    )
    methods = {"mark_cuts": benchmark.around, "is_cut": benchmark.two_frames}
    monkeypatch.setattr(benchmark, "methods", lambda: methods)
    out = tmp_path / "cuts.csv"
    benchmark.main(["--out", str(out), "--videos", "1"])
    ours, simple = records.read(out)
    assert (ours["kind"], ours["method"]) == ("other_scenes", "mark_cuts")
    assert simple["method"] == "is_cut"
    assert (ours["cuts"], ours["precision"], ours["recall"]) == ("5", "1.000", "1.000")
