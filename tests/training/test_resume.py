import dataclasses
import json

import keras
import numpy as np
import pytest

from training import resume, run
from training.action_presets import Options

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
