import csv
import json

import cv2
import keras
import numpy as np
import pytest

from offkeras import cli
from offkeras.training import loop
from offkeras.training.prepare import compression as prepare_compression
from offkeras.training.restoration import train as artifact_removal

TINY = (
    *("--frame-height", "32", "--frame-width", "48"),
    *("--width", "4", "--depth", "4", "--tail-convs", "2"),
    *("--crop", "16", "--batch-size", "4", "--all-targets", "--learning-rate", "0.003"),
)


def moving_texture(clip, height=32, width=48):
    """Seven frames of a smooth texture that slides."""
    rng = np.random.default_rng(clip)
    noise = rng.integers(0, 256, (height + 20, width + 20, 3)).astype("uint8")
    texture = cv2.GaussianBlur(noise, (0, 0), 1.5)
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)
    return np.stack([texture[t : t + height, 2 * t : 2 * t + width] for t in range(7)])


@pytest.fixture(scope="module")
def vimeo(tmp_path_factory):
    """A miniature of Vimeo-90K in the official layout."""
    root = tmp_path_factory.mktemp("vimeo_septuplet")
    names = [f"{i:05}/{j:04}" for i in (1, 2) for j in (1, 2)]
    for seed, name in enumerate(names):
        folder = root / "sequences" / name
        folder.mkdir(parents=True)
        for number, frame in enumerate(moving_texture(seed), start=1):
            cv2.imwrite(str(folder / f"im{number}.png"), frame)
    (root / "sep_trainlist.txt").write_text("\n".join(names[:3]) + "\n")
    (root / "sep_testlist.txt").write_text(names[3] + "\n")
    prepare_compression.main(["--data", str(root), "--quality", "40"])
    return root


def train(vimeo, output, *options):
    folders = ["--data", str(vimeo), "--output", str(output)]
    artifact_removal.main([*folders, *TINY, *options])


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_prepare_train_evaluate(vimeo, tmp_path):
    assert (vimeo / "jpeg2000_q40/00002/0002/im7.png").exists()
    train(vimeo, tmp_path / "run", "--epochs", "3", "--ensemble")
    log = read_csv(tmp_path / "run/log.csv")
    assert [row["epoch"] for row in log] == ["0", "1", "2"]
    assert float(log[2]["loss"]) < float(log[0]["loss"])
    results = read_csv(tmp_path / "run/results.csv")
    assert [row["frames"] for row in results] == ["compressed", "restored", "ensemble"]
    # The compressed 4th frame, measured by another library.
    frames = [
        cv2.imread(str(vimeo / folder / "00002/0002/im4.png"))
        for folder in ("sequences", "jpeg2000_q40")
    ]
    assert float(results[0]["psnr"]) == pytest.approx(cv2.PSNR(*frames), abs=1e-3)
    assert float(results[1]["psnr"]) == pytest.approx(float(log[2]["val_psnr"]))
    cli.main(
        ["evaluate", "restoration", "--model", str(tmp_path / "run"), "--ensemble"]
        + ["--data", str(vimeo), "--out", str(tmp_path / "again.csv")]
    )
    assert read_csv(tmp_path / "again.csv") == results
    model = keras.models.load_model(tmp_path / "run/model.keras")
    assert model.inputs[0].shape == (None, 3, None, None, 3)
    options = json.loads((tmp_path / "run/options.json").read_text())
    assert (options["width"], options["all_targets"]) == (4, True)
    assert list((tmp_path / "run/tensorboard/validation").iterdir())
    with pytest.raises(SystemExit, match="holds an earlier run: pass --resume"):
        train(vimeo, tmp_path / "run")


class Killed(Exception):
    pass


@pytest.mark.slow
def test_resume_is_exact(vimeo, tmp_path, monkeypatch):
    options = ("--epochs", "3", "--num-frames", "2")
    train(vimeo, tmp_path / "whole", *options)

    def kill(self, epoch, logs=None):
        if epoch == 1:
            raise Killed

    with monkeypatch.context() as patch:
        # Half of epoch 1 is trained and lost.
        patch.setattr(
            loop.Validation,
            "on_train_batch_end",
            lambda self, batch, logs=None: kill(self, self.epoch + (batch > 0)),
            raising=False,
        )
        patch.setattr(
            loop.Validation,
            "on_epoch_begin",
            lambda self, epoch, logs=None: setattr(self, "epoch", epoch - (epoch == 0)),
            raising=False,
        )
        with pytest.raises(Killed):
            train(vimeo, tmp_path / "killed", *options)
    assert len(read_csv(tmp_path / "killed/log.csv")) == 1
    train(vimeo, tmp_path / "killed", *options, "--resume")

    whole, killed = (
        keras.models.load_model(tmp_path / name / "model.keras").get_weights()
        for name in ("whole", "killed")
    )
    for a, b in zip(whole, killed, strict=True):
        np.testing.assert_array_equal(a, b)
    logs = [read_csv(tmp_path / name / "log.csv") for name in ("whole", "killed")]
    assert [row["val_psnr"] for row in logs[0]] == [row["val_psnr"] for row in logs[1]]


def test_dncnn_and_presets(vimeo, tmp_path):
    # Options win over the preset, which wins over the defaults.
    arguments = ["--preset", "small", "--model", "dncnn", "--epochs", "1"]
    arguments += ["--warm-up", "1", "--crops-per-frame", "1"]
    train(vimeo, tmp_path / "run", *arguments)
    options = json.loads((tmp_path / "run/options.json").read_text())
    assert (options["learning_rate"], options["in_memory"]) == (0.003, True)
    model = keras.models.load_model(tmp_path / "run/model.keras")
    assert model.name == "dncnn" and model.inputs[0].shape[1] == 1


def test_the_defaults_are_the_papers():
    o = artifact_removal.Options()
    assert (o.learning_rate, o.epochs, o.batch_size) == (5e-4, 50, 28)
    assert (o.initialization, o.crop, o.all_targets) == ("he", 0, False)
    assert (o.augment, o.train) == (False, ("train",))
    assert artifact_removal.PRESETS["paper"]["initialization"] == "xavier"
    assert artifact_removal.make_model(o).count_params() == 1_041_411


def test_unknown_options_end_the_program(tmp_path, capsys):
    with pytest.raises(SystemExit):
        artifact_removal.main(["--learning-rat", "0.1"])
    assert "--learning-rat" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="one of off, dncnn. Received: 'unet'"):
        artifact_removal.main(["--model", "unet", "--output", str(tmp_path / "run")])


def test_the_learning_rate_rises_and_falls():
    schedule = artifact_removal.make_optimizer(0.001, 10, 110)._learning_rate
    found = [float(schedule(step)) for step in (0, 5, 10, 60, 110)]
    np.testing.assert_allclose(found, [0, 0.0005, 0.001, 0.0005, 0], atol=1e-9)
    schedule = artifact_removal.make_optimizer(0.001, 0, 100)._learning_rate
    found = [float(schedule(step)) for step in (0, 25, 100)]
    expected = [0.001, 0.0005 * (1 + np.cos(np.pi / 4)), 0]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    with pytest.raises(
        SystemExit, match=r"--warm-up in 0..99, of 100 steps. Received: 100"
    ):
        artifact_removal.make_optimizer(0.001, 100, 100)


def test_training_refuses_a_broken_set(vimeo, tmp_path):
    with pytest.raises(SystemExit, match="im2.png to be 64x48 pixels. Received: 48x32"):
        train(vimeo, tmp_path / "size", "--frame-width", "64", "--frame-height", "48")
    with pytest.raises(SystemExit, match="jpeg2000_q20/00001/0001 is missing"):
        train(vimeo, tmp_path / "run", "--quality", "20")
