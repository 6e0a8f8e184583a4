"""The training command: a whole run, an exact resume, a folder, bad input."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from offkeras import data, modalities
from offkeras.inference import trained_model
from offkeras.training import resume
from offkeras.training.actions import train as action_recognition

TINY = [
    *("--preset", "camera_motion", "--size", "32", "--width", "0.125"),
    *("--clips-per-epoch", "48", "--evaluation-clips", "16", "--batch-size", "16"),
    *("--dropout", "0.5", "--spatial-dropout", "0.5", "--seed", "3"),
]
# What exists in the middle of a stage.
KILLED_AT = {"appearance": "appearance/tensorboard", "off": "off/last.weights.h5"}
STAGES = tuple(KILLED_AT)


def weights_of(path):
    """All arrays of a weights file: layers, optimizer, everything."""
    arrays = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                arrays.update({name: item[()]})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return arrays


def assert_same_bits(first, second):
    first, second = weights_of(first), weights_of(second)
    assert first.keys() == second.keys() and len(first) > 100
    for name, array in first.items():
        assert np.array_equal(array, second[name]), name


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed")
    action_recognition.main(
        [*TINY, "--no-end-to-end", "--appearance-epochs", "1", "--off-epochs", "3"]
        + ["--output", str(output), "--export-to", str(output / "savedmodels")]
    )
    return output


@pytest.mark.slow
def test_leaves_what_it_promises(undisturbed):
    with open(undisturbed / "results.csv") as file:
        results = {row["output"]: row for row in csv.DictReader(file)}
    assert list(results) == ["appearance", "off_1", "off_2", "off_3", "fused"]
    with open(undisturbed / "off" / "log.csv") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2"]
    for name in ("confusion_matrix.png", "off/best.weights.h5", "off/tensorboard"):
        assert (undisturbed / name).exists(), name


@pytest.mark.slow
def test_second_stage_leaves_the_first_as_it_is(undisturbed):
    recognizer = keras.models.load_model(undisturbed / "recognizer.keras")
    before = weights_of(undisturbed / "appearance" / "last.weights.h5")
    backbone = recognizer.get_layer("bn_inception")
    kernel = before["layers/functional/layers/conv2d/vars/0"]
    assert np.array_equal(backbone.get_layer("conv1_7x7_s2").kernel, kernel)


@pytest.mark.slow
def test_savedmodel_answers_as_the_model_does(undisturbed):
    recognizer = keras.models.load_model(undisturbed / "recognizer.keras")
    served = tf.saved_model.load(
        str(undisturbed / "savedmodels" / undisturbed.name / "1")
    )
    frames = np.random.default_rng(0).integers(0, 256, (2, 4, 32, 32, 3), np.uint8)
    answer = served.signatures["serving_default"](frames=tf.constant(frames))
    outputs = recognizer({"frames": frames}, training=False)
    logits = (outputs["appearance"] + outputs["off_3"]).numpy()
    np.testing.assert_allclose(answer["logits"], logits, atol=1e-5)
    exp = np.exp(logits - logits.max(-1, keepdims=True))
    np.testing.assert_allclose(
        answer["probabilities"], exp / exp.sum(-1, keepdims=True), atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "stages", [("off",), pytest.param(STAGES, marks=pytest.mark.exhaustive)]
)
def test_killed_run_resumes_to_the_same_bits(stages, undisturbed, tmp_path):
    """SIGKILL in a stage; shuffle, dropout and optimizer go on as they were."""
    command = [sys.executable, "-m", "training.action_recognition", *TINY]
    command += ["--no-end-to-end", "--appearance-epochs", "1", "--off-epochs", "3"]
    command += ["--output", str(tmp_path / "run"), "--resume"]
    command += ["--export-to", str(tmp_path / "savedmodels")]
    off = tmp_path / "run" / "off"
    for stage in stages:
        kill_when_exists(command, tmp_path / "run" / KILLED_AT[stage])
    assert resume.trim_log(off / "log.csv", 99)  # it was killed in the middle
    subprocess.run(command, check=True, capture_output=True)
    for name in ("appearance/last.weights.h5", "off/last.weights.h5"):
        assert_same_bits(undisturbed / name, tmp_path / "run" / name)
    with open(off / "log.csv") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2"]


def kill_when_exists(command, path):
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.time() + 300
    while not path.exists():
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_on_a_folder_of_videos(tmp_path):
    for label, color in (("dark", 30), ("light", 220)):
        for index in range(3):
            frames = np.full((30, 48, 64, 3), color + index, np.uint8)
            path = tmp_path / "videos" / label / f"{index}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            data.write_video(path, iter(frames), fps=25)
    output = tmp_path / "run"
    arguments = [*TINY, "--data", str(tmp_path / "videos"), "--output", str(output)]
    arguments += ["--export-to", str(tmp_path / "savedmodels")]
    arguments += ["--off-epochs", "1", "--batch-size", "2", "--test-segments", "25"]
    action_recognition.main(arguments)
    assert (output / "labels.txt").read_text() == "dark\nlight\n"
    served = tf.saved_model.load(str(tmp_path / "savedmodels" / "run" / "1"))
    signature = served.signatures["serving_default"]
    assert signature.structured_input_signature[1]["frames"].shape[1] == 25


def test_a_modality_that_channels_do_not_tell_is_noted(tmp_path):
    for name in modalities.MODALITIES:
        action_recognition.write_modality(tmp_path, name)
        (tmp_path / "recognizer.keras").touch()
        noted = trained_model(tmp_path).defaults
        (tmp_path / "defaults.json").unlink(missing_ok=True)
        assert noted == ({"modality": name} if name == "dynamic_image" else {})


def test_refuses_to_mix_runs(tmp_path):
    (tmp_path / "appearance").mkdir()
    with pytest.raises(SystemExit, match="--resume"):
        action_recognition.main([*TINY, "--output", str(tmp_path)])


def test_checkpoint_of_another_model(tmp_path):
    path = tmp_path / "last.weights.h5"
    two, three = (
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)])
        for units in (2, 3)
    )
    two.save_weights(path)
    with pytest.raises(ValueError, match="does not hold the weights of this model"):
        resume.load_weights(three, path)
    broken = tmp_path / "broken.weights.h5"
    broken.write_bytes(Path(path).read_bytes()[:1000])
    with pytest.raises(ValueError, match="broken.weights.h5 does not hold"):
        resume.load_weights(three, broken)
