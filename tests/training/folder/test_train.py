import contextlib
import csv
import io
import json
import shutil

import h5py
import numpy as np
import pytest

from offkeras import backbones, cli, data, inference
from offkeras.training.folder import train
from tests.support.action_miniatures import SIDES, write_sides
from tests.support.recognizer import toy_backbone


def build(*, weights, input_shape):
    return toy_backbone(input_shape[0])


TOY = backbones.Backbone(build, None)


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """A backbone that a test can wait for, by name as any other."""

    monkeypatch.setitem(backbones.BACKBONES, "toy", TOY)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Textures that move to the left or to the right."""
    return write_sides(tmp_path_factory.mktemp("videos") / "set", 4)


def run(root, output, *options):
    arguments = ["--data", str(root), "--output", str(output), "--backbone", "toy"]
    arguments += ["--size", "64", "--views", "2", "--batch-size", "4"]
    train.main([*arguments, "--epochs", "3", *options])


def weights(folder):
    arrays = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    with h5py.File(folder / "model.weights.h5") as file:
        file.visititems(keep)
    return arrays


def assert_same_bits(one, other):
    one, other = weights(one), weights(other)
    assert one.keys() == other.keys() and one
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


@pytest.fixture(scope="module")
def trained(root, tmp_path_factory):
    """The folder of a run that has kept its features, and what it printed."""
    output, printed = tmp_path_factory.mktemp("trained") / "run", io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setitem(backbones.BACKBONES, "toy", TOY)
        run(root, output, "--keep-cache")
    return output, printed.getvalue()


def test_a_folder_becomes_a_model(trained):
    output, printed = trained
    assert "8 videos of 2 classes: 6 to train on, 2 held out" in printed
    assert "No clip is mirrored: left and right would be exchanged." in printed
    assert "epoch   3/3" in printed and "0 s left" in printed
    assert f"offkeras classify NEW_VIDEO --model {output}" in printed
    found = inference.trained_model(str(output))
    assert found.class_names == ("left", "right")
    assert found.defaults == {"segments": 6, "interval": 2}  # 30 frames, 12 segments
    with open(output / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == ["left", "right"]
    assert (output / "confusion_matrix.png").exists()


def test_the_saved_model_gives_the_scores_that_were_tested(root, trained):
    """Of the whole network on frames, not of its heads on kept features."""
    output, _ = trained
    recognizer = inference.trained_model(str(output)).load()
    about = json.loads((output / "features/held_out/about.json").read_text())
    right = 0
    for name, _ in about["files"]:
        got = inference.classify_video(root / name, recognizer, total_segments=12)
        right += found_class(name) == got.label
    with open(output / "results.csv", newline="") as file:
        told = [float(row["accuracy"]) for row in csv.DictReader(file)]
    assert right / len(about["files"]) == np.mean(told)


def found_class(path):
    return SIDES.index(path.split("/")[-2])


@pytest.mark.slow
def test_a_rendered_set_is_trained_on_as_a_folder_is(tmp_path, capsys):
    cli.main(
        ["train", "appearance_motion", "--output", str(tmp_path / "run")]
        + ["--backbone", "toy", "--size", "32", "--clips", "20", "--test-clips", "20"]
        + ["--views", "2", "--segments", "2", "--epochs", "1", "--batch-size", "8"]
    )
    printed = capsys.readouterr().out
    assert "40 clips of 20 classes to train on, 20 held out, 20 to test on" in printed
    assert "of 20 test clips:" in printed
    found = inference.trained_model(str(tmp_path / "run"))
    assert found.class_names == data.AppearanceMotion.class_names
    assert found.defaults == {"segments": 2, "interval": 4}  # 0.15 s at 25 frames/s


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bits(root, tmp_path, monkeypatch):
    run(root, tmp_path / "whole")
    assert not (tmp_path / "whole/features").exists()

    class Killed(Exception):
        pass

    calls = []

    def die(self, epoch, logs=None):
        calls.append(epoch)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(train.progress.Lines, "on_epoch_end", die)
        with pytest.raises(Killed):
            run(root, tmp_path / "cut")
    assert calls == [0]
    features = tmp_path / "cut/features/train"
    # As if it had been killed amid the features as well.
    (features / "done.json").write_text("2")
    for array in features.glob("*.npy"):
        kept = np.load(array, mmap_mode="r+")
        kept[2:] = 0
        kept.flush()
    run(root, tmp_path / "cut", "--resume")
    assert_same_bits(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.slow
def test_a_trained_model_starts_another(root, tmp_path, capsys):
    run(root, tmp_path / "first")
    other = tmp_path / "other"
    shutil.copytree(root, other)
    shutil.copytree(root / "left", other / "still")
    run(other, tmp_path / "second", "--init", str(tmp_path / "first"))
    assert f"Starts from {tmp_path / 'first'}" in capsys.readouterr().out
    found = inference.trained_model(str(tmp_path / "second"))
    assert found.class_names == ("left", "right", "still")


def test_rare_classes_weigh_more():
    class Videos:
        labels = (0, 0, 0, 1)
        class_names = ("a", "b")

        def __len__(self):
            return 4

    weights = train.class_weights(Videos(), train.Options())
    np.testing.assert_allclose(weights, [2 / 3] * 3 + [2])
    even = train.class_weights(Videos(), train.Options(class_weights=False))
    np.testing.assert_array_equal(even, np.ones(4))


def test_smoothed_loss_is_that_of_smoothed_labels():
    logits = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    labels = np.array([0, 2, 1, 1])
    loss = train.make_loss(3, train.Options(label_smoothing=0.3))(labels, logits)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    smooth = 0.7 * np.eye(3)[labels] + 0.1
    np.testing.assert_allclose(loss, -(smooth * log_p).sum(-1), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cache-gib", "0.00001"], "Expected --cache-gib of"),
        (["--backbone", "nothing"], "Expected a backbone"),
        (["--init", "nothing"], "trained recognizer"),
        (["--validation-fraction", "1.5"], "validation_fraction"),
        (["--backgrounds", "x"], "Expected --backgrounds with human_actions or"),
        (["--data", "human_actions", "--flip", "yes"], "Expected --flip to be auto or"),
        (["--data", "human_actions", "--clips", "3"], "positive multiple of 20"),
    ],
)
def test_bad_options_end_in_a_sentence(root, tmp_path, options, message):
    with pytest.raises(SystemExit, match=message):
        run(root, tmp_path / "run", *options)


@pytest.mark.slow
def test_a_run_resumes_with_its_videos(root, tmp_path):
    shutil.copytree(root, tmp_path / "set")
    run(tmp_path / "set", tmp_path / "run", "--epochs", "1")
    shutil.copy(root / "left/0.mp4", tmp_path / "set/left/new.mp4")
    with pytest.raises(SystemExit, match=r"other data: left/new\.mp4 is new"):
        run(tmp_path / "set", tmp_path / "run", "--epochs", "1", "--resume")


def test_one_class_is_no_question(root, tmp_path):
    shutil.copytree(root / "left", tmp_path / "set/left")
    with pytest.raises(SystemExit, match="at least two class folders"):
        run(tmp_path / "set", tmp_path / "run")


def test_the_command_takes_a_folder(root, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(train, "main", lambda argv, prog: given.append((argv, prog)))
    cli.main(["train", str(root), "--epochs", "2"])
    assert given == [(["--data", str(root), "--epochs", "2"], "offkeras train FOLDER")]
    with pytest.raises(SystemExit, match="actions | detection .* Received: nowhere"):
        cli.main(["train", "nowhere"])
