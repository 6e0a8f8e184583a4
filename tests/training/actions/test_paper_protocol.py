"""UCF-101 and HMDB-51 from the files to the paper's tables, on miniatures."""

import csv
import json

import keras
import numpy as np
import pytest

from offkeras import data
from offkeras.training.actions import evaluate as test_action_recognition
from offkeras.training.actions import fuse as fuse_scores
from offkeras.training.actions import train as action_recognition
from offkeras.training.actions.scores import Scores
from offkeras.training.prepare import videos as prepare_videos
from tests.support.action_miniatures import write_hmdb51, write_ucf101

TINY = (
    *("--size", "32", "--width", "0.125", "--batch-size", "8", "--num-segments", "4"),
    *("--appearance-iterations", "0", "--appearance-epochs", "1"),
    *("--off-iterations", "0", "--off-epochs", "1", "--test-segments", "6"),
)
pytestmark = pytest.mark.slow
MODALITIES = ("rgb", "rgb_diff", "flow")


def prepare(dataset, folder):
    """Miniature videos and their lists -> shards with flow."""
    write = {"ucf101": write_ucf101, "hmdb51": write_hmdb51}[dataset]
    videos, lists = write(folder / dataset)
    shards = folder / f"{dataset}_shards"
    prepare_videos.main(
        ["--dataset", dataset, "--videos", str(videos), "--lists", str(lists)]
        + ["--out", str(shards), "--flow", "dis", "--height", "48", "--width", "64"]
        + ["--workers", "1"]
    )
    return shards, lists


def train(preset, shards, lists, folder, *more):
    action_recognition.main(
        ["--preset", preset, "--split", "1", "--data", str(shards)]
        + ["--lists", str(lists), "--output", str(folder / preset)]
        + ["--export-to", str(folder / "savedmodels"), *TINY, *more]
    )
    return folder / preset


@pytest.fixture(scope="module")
def ucf101(tmp_path_factory):
    """Prepared UCF-101 and an RGB run on it with videos held out."""
    folder = tmp_path_factory.mktemp("ucf101")
    shards, lists = prepare("ucf101", folder)
    run = train("ucf101_rgb", shards, lists, folder, "--validation-fraction", "0.3")
    return shards, lists, run, folder


def score(run, out, *more):
    test_action_recognition.main(
        ["--model", str(run / "recognizer.keras"), "--out", str(out), *more]
    )
    return Scores.load(out)


def test_scores_are_the_mean_over_views_and_segments(ucf101, tmp_path):
    """Against the recognizer's own answer to every view."""
    shards, lists, run, _ = ucf101
    scores = score(run, tmp_path / "rgb.npz")
    split = data.ucf101(None, lists, split=1)
    videos = data.PreparedVideos.open(shards, split.test)
    assert scores.names == videos.names and len(scores.names) == 8
    assert tuple(scores.labels) == videos.labels
    assert scores.about["frames_per_second"]["appearance"] > 0
    assert scores.about["segments"] == 25 and scores.about["crops"] == "mean"
    recognizer = keras.models.load_model(run / "recognizer.keras")
    largest = score(run, tmp_path / "max.npz", "--crops", "max", "--views", "4")
    views = videos.evaluate(batch_size=1, size=32, crops="ten")
    for index, (frames, _) in enumerate(views.take(3)):
        assert frames.shape == (1, 10, 25, 32, 32, 3)
        outputs = recognizer({"frames": frames[0]}, training=False)
        for name, logits in outputs.items():  # (10, classes), segments averaged
            np.testing.assert_allclose(
                scores.outputs[name][index], np.mean(logits, 0), atol=1e-5
            )
        # The largest of ten views, segment by segment, is no less than the mean.
        for name in outputs:
            assert (largest.outputs[name] >= scores.outputs[name] - 1e-6).all()
            assert (largest.outputs[name] > scores.outputs[name] + 1e-7).any()


def test_held_out_videos_are_neither_trained_nor_tested_on(ucf101, tmp_path):
    _, lists, run, _ = ucf101
    held_out = score(run, tmp_path / "v.npz", "--subset", "validation")
    split = data.ucf101(None, lists, split=1)
    groups = {video.name: video.group for video in (*split.train, *split.test)}
    assert set(held_out.names) < {video.name for video in split.train}
    assert held_out.about["subset"] == "validation"
    with open(run / "options.json") as file:
        assert json.load(file)["validation_fraction"] == 0.3
    tested = {groups[video.name] for video in split.test}
    assert not {groups[name] for name in held_out.names} & tested


def test_refuses_another_split_and_an_absent_model(ucf101, tmp_path):
    _, _, run, _ = ucf101
    with pytest.raises(SystemExit, match="trained on split 1.*Received: --split 2"):
        score(run, tmp_path / "x.npz", "--split", "2")
    with pytest.raises(SystemExit, match="Expected a recognizer"):
        score(tmp_path, tmp_path / "x.npz")
    with pytest.raises(SystemExit, match="one of mean, max. Received: 'median'"):
        score(run, tmp_path / "x.npz", "--crops", "median")
    with pytest.raises(SystemExit, match="Expected --subset"):
        score(run, tmp_path / "x.npz", "--subset", "train")


@pytest.mark.exhaustive
def test_first_stage_from_a_file(ucf101, tmp_path):
    """The second stage alone, on the weights of the first of another run."""
    shards, lists, run, _ = ucf101
    first = run / "appearance" / "last.weights.h5"
    again = train("ucf101_rgb", shards, lists, tmp_path, "--first-stage", str(first))
    assert not (again / "appearance").exists()
    kernels = [
        keras.models.load_model(folder / "recognizer.keras")
        .get_layer("bn_inception")
        .get_layer("conv1_7x7_s2")
        .kernel.numpy()
        for folder in (run, again)
    ]
    np.testing.assert_array_equal(*kernels)
    with pytest.raises(SystemExit, match="exclude each other"):
        train(
            *("ucf101_rgb", shards, lists, tmp_path / "x"),
            *("--first-stage", str(first), "--end-to-end"),
        )


def test_wrong_dataset_and_modality(ucf101, tmp_path):
    shards, lists, _, _ = ucf101
    with pytest.raises(SystemExit, match="--dataset to be one of ucf101, hmdb51"):
        train("ucf101_rgb", shards, lists, tmp_path, "--dataset", "kinetics")


@pytest.mark.exhaustive
@pytest.mark.parametrize("dataset", ["ucf101", "hmdb51"])
def test_from_videos_to_tables(dataset, tmp_path, capsys):
    """prepare -> both stages of three modalities -> 25 x 10 test -> fuse -> tables."""
    shards, lists = prepare(dataset, tmp_path)
    files = []
    for modality in MODALITIES:
        run = train(f"{dataset}_{modality}", shards, lists, tmp_path)
        with open(run / "off" / "log.csv") as file:
            rows = list(csv.DictReader(file))
        # Nothing is held out, and the log says so.
        assert [row["val_off_3_accuracy"] for row in rows] == ["NA"]
        files.append(str(tmp_path / f"{modality}.npz"))
        scores = score(run, files[-1])
        assert scores.about["modality"] == modality and len(scores.names) == 8
        assert np.ptp(scores.outputs["off_3"], axis=0).max() > 0  # videos differ
    capsys.readouterr()
    fuse_scores.main([*files, "--weights", "1", "0.8", "1.5"])
    fused = sum(
        weight * (scores.outputs["appearance"] + scores.outputs["off_3"])
        for weight, scores in zip((1, 0.8, 1.5), map(Scores.load, files), strict=True)
    )
    expected = np.mean(fused.argmax(-1) == Scores.load(files[0]).labels)
    assert f"accuracy {expected:6.1%}" in capsys.readouterr().out.splitlines()[-1]
    fuse_scores.main([*files, "--tables"])
    tables = capsys.readouterr().out
    assert "## Variant: paper" in tables
    ours = next(line for line in tables.splitlines() if "Ours (+OFF" in line)
    assert ours.count("not run") == 1 and ours.count("(1 of 3 splits)") == 1
    by_name = [
        line for line in tables.splitlines() if line.startswith("| RGB+OFF(RGB)")
    ]
    assert ("not run" in by_name[0]) == (dataset == "hmdb51")
