import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from offkeras import backbones, cli
from offkeras.training.compare import compare, systems, table, trial
from offkeras.training.compare.videos import open_videos
from tests.support.action_miniatures import write_sides
from tests.support.recognizer import toy_backbone

TIMES = ("decode_ms", "input_ms", "network_ms")


def build(*, weights, input_shape, mean=None):
    return toy_backbone(input_shape[0], input_shape[-1], filters=(16, 16, 16))


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """A backbone that a test can wait for, of any number of channels."""
    monkeypatch.setitem(backbones.BACKBONES, "toy", backbones.Backbone(build, None))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_sides(tmp_path_factory.mktemp("videos") / "set", 4)


def run(root, output, *options):
    arguments = ["compare", str(root), "--output", str(output), "--backbone", "toy"]
    arguments += ["--size", "64", "--views", "2", "--epochs", "2", "--segments", "3"]
    cli.main([*arguments, "--total-segments", "4", "--batch-size", "4", *options])


def rows_of(output):
    """The rows but for what was measured, which must be there."""
    with open(output / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert all(float(row.pop(name)) >= 0 for name in TIMES)
    return rows


def test_a_table_of_every_system_and_seed(root, tmp_path, capsys):
    output = tmp_path / "run"
    run(root, output, "--systems", "codec", "rgb", "--seeds", "3")
    rows = rows_of(output)
    found = [(row["system"], row["seed"]) for row in rows]
    assert found == [("rgb", "3"), ("codec", "3")]
    assert {row["test_videos"] for row in rows} == {"2"}
    # Appearance alone: a classifier of two classes on sixteen channels.
    assert {row["trained_parameters"] for row in rows} == {"34"}
    printed = capsys.readouterr().out
    assert "2 classes: 4 to train on, 2 to choose the epoch by, 2 to test on" in printed
    assert "1/2 codec, seed 3 ..." in printed and "0 min left" in printed
    text = (output / "results.md").read_text()
    assert text in printed and "| clips per second |" in text
    assert (output / "results.png").stat().st_size > 1000
    assert not (output / "work").exists()


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_killed_comparison_gives_the_same_table(root, tmp_path, monkeypatch):
    options = ["--systems", "rgb", "off", "--seeds", "0"]
    run(root, tmp_path / "whole", *options)

    class Killed(Exception):
        pass

    epochs = []

    def die(self, epoch, logs=None):
        epochs.append(epoch)
        if len(epochs) == 4:  # within the second training
            raise Killed

    monkeypatch.setattr(trial.Quiet, "on_epoch_end", die)
    with pytest.raises(Killed):
        run(root, tmp_path / "cut", *options)
    assert epochs == [0, 1, 0, 1]
    # Another system joins; the one that is done is not trained again.
    run(
        root,
        tmp_path / "cut",
        "--systems",
        "rgb",
        "off",
        "tdn",
        "--resume",
        *options[3:],
    )
    rows = rows_of(tmp_path / "cut")
    assert rows[:2] == rows_of(tmp_path / "whole")
    assert [row["system"] for row in rows] == ["rgb", "off", "tdn"]
    assert len(epochs) <= 4 + 2 + 2


def test_every_seed_splits_by_file(root):
    o = compare.Options(data=str(root), seeds=(0, 1, 2, 3))
    videos, tested = open_videos(o), set()
    for seed in o.seeds:
        parts = videos.split(o.of_seed(seed))
        paths = [path for part in parts.values() for path in part.paths]
        assert sorted(paths) == sorted(videos.own.paths)
        assert [len(part) for part in parts.values()] == [4, 2, 2]
        tested.add(parts["test"].paths)
    assert len(tested) > 1


def test_a_test_of_its_own(root, tmp_path):
    shutil.copytree(root, tmp_path / "other")
    o = compare.Options(data=str(root), test=str(tmp_path / "other"))
    videos = open_videos(o)
    parts = videos.split(o.of_seed(0))
    assert parts["test"] is videos.test and len(parts["train"]) == 6
    assert ("test: left/0.mp4", dict(videos.own.files)["left/0.mp4"]) in videos.files
    with pytest.raises(SystemExit, match="Expected other videos .* 8 of both"):
        open_videos(compare.Options(data=str(root), test=str(root)))


@pytest.fixture
def with_mjpeg(root, encode, tmp_path):
    shutil.copytree(root, tmp_path / "set")
    path = encode("set/left/m.avi", codec="mjpeg", pixel_format="yuvj420p")
    return Path(path).parents[1]


def test_a_system_that_cannot_be_run_ends_it_before_training(with_mjpeg, tmp_path):
    systems = ["--systems", "rgb", "codec_off", "--seeds", "0"]
    with pytest.raises(
        SystemExit, match=r"codec_off cannot be run: 1 of 9 .*\n.*m\.avi.* mjpeg"
    ):
        run(with_mjpeg, tmp_path / "run", *systems)
    assert not (tmp_path / "run/results.csv").exists()


def test_or_is_left_out(with_mjpeg, tmp_path, capsys):
    systems = ["--systems", "rgb", "codec_off", "--seeds", "0"]
    run(with_mjpeg, tmp_path / "run", *systems, "--on-error", "skip")
    assert [row["system"] for row in rows_of(tmp_path / "run")] == ["rgb"]
    assert "Left out: codec_off cannot be run: 1 of 9" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--systems", "rgb", "of"], "--systems to be one of rgb, off, .*: 'of'"),
        (["--seeds", "0", "-1"], "--seeds of at least 0"),
        (["--test-fraction", "1"], "--test-fraction between 0 and 1"),
        (["--backbone", "nothing"], "rgb cannot be run: Expected a backbone"),
    ],
)
def test_bad_options_end_in_a_sentence(root, tmp_path, options, message):
    with pytest.raises(SystemExit, match=message):
        run(root, tmp_path / "run", "--systems", "rgb", *options)


def test_too_few_videos_of_a_class(root, tmp_path):
    shutil.copytree(root, tmp_path / "set")
    for number in (2, 3):
        (tmp_path / f"set/right/{number}.mp4").unlink()
    with pytest.raises(SystemExit, match="at least 3 videos .* Received: 2 of right"):
        run(tmp_path / "set", tmp_path / "run")


def test_systems_of_a_modality_see_the_same_features():
    o = compare.Options(size=64, weights="", backbone="toy").of_seed(0)
    backbone = systems.make_backbone("rgb", o)
    frames = np.random.default_rng(0).uniform(0, 255, (1, 3, 64, 64, 3))
    off = systems.make(systems.SYSTEMS["off"], 3, backbone, o)
    kept = trial.extractor(off)({"frames": frames})
    for name in ("rgb", "off_t", "hypercolumn", "tea", "tdn", "motion_squeeze"):
        recognizer = systems.make(systems.SYSTEMS[name], 3, backbone, o)
        heads = trial.features_of.split(recognizer)[1]
        whole, parts = recognizer({"frames": frames}), heads(trial.named(kept, heads))
        assert whole.keys() == parts.keys()
        for output, logits in parts.items():
            np.testing.assert_allclose(whole[output], logits, rtol=1e-4, atol=1e-5)


def test_a_summary_is_of_all_seeds(tmp_path):
    for seed, accuracy, network in ((1, 0.5, 30), (0, 0.75, 10)):
        row = {"system": "off", "seed": seed, "accuracy": accuracy, "test_videos": 4}
        row |= {"parameters": 3000, "trained_parameters": 1000}
        row |= {"decode_ms": 5, "input_ms": 25, "network_ms": network}
        table.add_row(tmp_path, row)
    rows = table.read_rows(tmp_path)
    assert [row["seed"] for row in rows] == ["0", "1"]
    (line,) = table.summarize(rows)
    assert line["clips_per_second"] == 20  # 1000 / (5 + 25 + 20)
    cells = [cell.strip() for cell in table.markdown([line]).splitlines()[2].split("|")]
    assert cells[1:5] == ["off", "62.5", "50.0-75.0", "3,000"]
    assert cells[5:-1] == ["1,000", "5.0", "25.0", "20.0", "20.0"]
