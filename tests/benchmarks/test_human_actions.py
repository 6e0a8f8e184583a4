import functools
import importlib
from pathlib import Path

import pytest

from benchmarks.support import records
from offkeras import backbones
from tests.support.recognizer import toy_backbone

benchmark = importlib.import_module("benchmarks.human_actions.__main__")
CSV = Path(benchmark.__file__).parent.with_suffix(".csv")


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_row_a_network_and_none_twice(tmp_path, monkeypatch, capsys):
    toy = backbones.Backbone(
        lambda *, weights, input_shape: toy_backbone(input_shape[0]), None
    )
    monkeypatch.setitem(backbones.BACKBONES, "toy", toy)
    tiny = dict(backbone="toy", weights="", size=32, clips=20, test_clips=20)
    tiny |= dict(views=1, segments=2, epochs=1)
    options = functools.partial(benchmark.train.Options, **tiny)
    monkeypatch.setattr(benchmark.train, "Options", options)
    path = tmp_path / "human_actions.csv"
    arguments = ["--out", str(path), "--set", "appearance_motion", "--seeds", "3"]
    benchmark.main([*arguments, "--networks", "hypercolumn"])
    benchmark.main([*arguments, "--networks", "hypercolumn", "OFF"])
    rows = records.read(path)
    assert [row["network"] for row in rows] == ["hypercolumn", "OFF"]
    assert {row["clips"] for row in rows} == {"20"}
    assert len({row["parameters"] for row in rows}) == 2
    assert "OFF_T" not in capsys.readouterr().out
    if CSV.exists():
        assert records.columns(CSV) == list(rows[0])
