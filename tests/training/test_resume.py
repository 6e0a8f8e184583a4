import dataclasses
import json
import os

import keras
import numpy as np
import pytest

from offkeras import data
from offkeras.training import resume, run
from offkeras.training.actions import train as action_recognition
from offkeras.training.actions.presets import Options

HEADER = "epoch,loss\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HEADER + "0,0.5\n1,0.4\n2,0.3\n", HEADER + "0,0.5\n1,0.4\n"),
        (HEADER + "0,0.5\n1,0.4\n", HEADER + "0,0.5\n1,0.4\n"),
        (HEADER + "0,0.5\n1", HEADER + "0,0.5\n"),  # killed while writing epoch 12
        (HEADER + "2,0.3\n", None),
        (HEADER, None),
        ("", None),
    ],
)
def test_log_keeps_the_epochs_that_are_done(before, after, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(before)
    rows = resume.trim_log(path, 2)
    assert (path.read_text() if path.exists() else None) == after
    kept = [f"{row['epoch']},{row['loss']}" for row in rows]
    assert kept == (after or HEADER).splitlines()[1:]


def test_no_log(tmp_path):
    assert resume.trim_log(tmp_path / "log.csv", 2) == []


def test_dropout_is_a_function_of_seed_and_epoch():
    def masks(seed, epoch):
        layer = keras.layers.Dropout(0.5)
        model = keras.Sequential([keras.Input((100,)), layer])
        callback = resume.ReseedDropout(seed)
        callback.set_model(model)
        callback.on_epoch_begin(epoch)
        ones = np.ones((1, 100), "float32")
        return [np.array(model(ones, training=True)) for _ in range(2)]

    first, second = masks(seed=1, epoch=3)
    assert (first != second).any()
    np.testing.assert_array_equal(masks(seed=1, epoch=3), [first, second])
    for other in (masks(seed=2, epoch=3), masks(seed=1, epoch=4)):
        assert (other[0] != first).any()


def test_a_start_that_failed_is_no_earlier_run(tmp_path):
    """Such as one without its data: the options are all that it left."""
    first = Options(output=str(tmp_path / "run"), split=1)
    output = run.prepare_output(first)
    assert run.prepare_output(dataclasses.replace(first, split=2)) == output
    assert json.loads((output / "options.json").read_text())["split"] == 2
    (output / "appearance").mkdir()
    with pytest.raises(SystemExit, match="holds an earlier run: pass --resume"):
        run.prepare_output(first)
    with pytest.raises(SystemExit, match="other options: split 2. Received: split 1"):
        run.prepare_output(dataclasses.replace(first, resume=True))


FILES = (("run/a.mp4", 100), ("run/b.mp4", 90), ("walk/a.mp4", 80))


@pytest.mark.parametrize(
    ("files", "change"),
    [
        ((*FILES, ("jump/a.mp4", 70)), "jump/a.mp4 is new"),
        (FILES[:2], "walk/a.mp4 is missing"),
        ((FILES[0], ("run/b.mp4", 91), FILES[2]), "run/b.mp4 has the size 91, and had"),
    ],
)
def test_a_run_resumes_with_its_data(files, change, tmp_path):
    run.agree_on_data(tmp_path, files)
    run.agree_on_data(tmp_path, FILES)  # nothing has begun
    (tmp_path / "appearance").mkdir()
    run.agree_on_data(tmp_path, reversed(FILES))
    message = f"was trained on other data: {change}"
    with pytest.raises(SystemExit, match=message):
        run.agree_on_data(tmp_path, files)


def test_videos_that_are_added_are_not_split_anew(encode, tmp_path):
    for name in ("run/a", "run/b", "walk/a", "walk/b"):
        encode(f"set/{name}.mp4", num_frames=8)
    output = tmp_path / "run"
    arguments = ["--data", str(tmp_path / "set"), "--output", str(output)]
    arguments += ["--batch-size", "1"]
    videos = data.ClassFolder.open(tmp_path / "set")
    size = os.path.getsize(tmp_path / "set/walk/b.mp4")
    assert videos.files[-1] == ("walk/b.mp4", size)
    run.agree_on_data(output, videos.files)
    (output / "appearance").mkdir()
    encode("set/run/c.mp4", num_frames=8)
    message = "other data: run/c.mp4 is new. A run resumes with the data it began"
    with pytest.raises(SystemExit, match=message):
        action_recognition.main([*arguments, "--resume", "--devices", "CPU:0"])
