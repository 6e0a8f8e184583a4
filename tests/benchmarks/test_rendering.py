import numpy as np
import pytest
from PIL import Image

from benchmarks.rendering import __main__ as benchmark
from benchmarks.rendering import sheet
from benchmarks.support import records
from offkeras import data
from offkeras.data.synthetic.human.backgrounds import Footage


@pytest.fixture(autouse=True)
def noise(monkeypatch):
    """In place of the sample videos, whose decoding takes seconds."""
    frames = np.random.default_rng(0).integers(0, 256, (3, 48, 64, 3), np.uint8)
    footage = (Footage("noise", frames, 25.0),)
    monkeypatch.setattr(data.HumanActions, "footage", lambda *_: footage)


def test_table_of_two_tiny_rounds(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "SIZES", (32,))
    out = tmp_path / "speed.csv"
    benchmark.main(["--out", str(out), "--clips", "2", "--rounds", "2"])
    (row,) = records.read(out)
    assert float(row["ms_frame"]) > float(row["ms_setting"]) > 0
    assert row["size"] == "32" and row["clips"] == "4"


def test_the_sheet_is_small(tmp_path, monkeypatch):
    monkeypatch.setattr(sheet, "SIZE", 32)
    monkeypatch.setattr(sheet, "SEEDS", {"walk": 1, "run": 1, "kick": 2, "spin": 3})
    sheet.main([str(tmp_path / "sheet.png")])
    picture = np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB"))
    assert picture.shape == (2 * 32, 2 * 4 * 32 + 6, 3)
    assert picture.std() > 10
