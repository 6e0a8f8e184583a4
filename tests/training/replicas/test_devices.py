"""Several devices: the numbers of one."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from offkeras.training.replicas import devices as distribution
from offkeras.training.restoration import train as artifact_removal
from tests.support import training_miniatures as miniatures
from tests.support.helpers import needs_bfloat16

TWO = ("--devices", "CPU:0,CPU:1")
# Of `two_devices.py`, all in float32.
CASES = (
    "even",
    "unequal parts",
    "fewer samples than replicas",
    "partial last batch",
    "last batch of one",
    "clipped",
)
ONE_EPOCH = {
    "restoration": ("--epochs", "1"),
    "detection": ("--epochs", "1"),
    "action": ("--off-epochs", "1"),
}


def read_log(output):
    """Every number of every epoch; nan where there is none."""
    (path,) = Path(output).rglob("log.csv")
    with open(path, newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def assert_same_logs(one, two, tolerance):
    one, two = read_log(one), read_log(two)
    assert len(one) == len(two) == 1
    for expected, found in zip(one, two, strict=True):
        assert list(expected) == list(found)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=tolerance, abs=tolerance)


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """Losses and weights of `two_devices.py`."""
    path = tmp_path_factory.mktemp("replicas") / "losses.npz"
    script = Path(__file__).with_name("two_devices.py")
    subprocess.run(
        [sys.executable, str(script), str(path)], check=True, stdout=subprocess.DEVNULL
    )
    return np.load(path, allow_pickle=False)


# One test: a worker more would compute the steps once more.
@pytest.mark.slow
def test_twenty_steps_on_two_replicas_are_those_of_one(steps):
    """Batch normalization, the losses of both outputs and accuracy included."""
    for case in CASES:
        for kind in ("losses", "weights"):
            one, two = (steps[f"{case}/{replicas}/{kind}"] for replicas in (1, 2))
            np.testing.assert_allclose(one, two, atol=1e-5, err_msg=case)
        assert len(one) > 200 and len(steps[f"{case}/1/losses"]) == 20


@pytest.mark.slow
def test_clipping_was_at_work(steps):
    clipped, free = (
        steps[f"{case}/2/weights"] for case in ("clipped", "unequal parts")
    )
    assert np.abs(clipped - free).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    "precision",
    [pytest.param("mixed_bfloat16", marks=needs_bfloat16), "mixed_float16"],
)
def test_mixed_precision_on_two_replicas(steps, precision):
    one, two = (steps[f"{precision}/{count}/losses"] for count in (1, 2))
    np.testing.assert_allclose(one, two, atol=5e-3)
    assert np.isfinite(steps[f"{precision}/2/weights"]).all()


@pytest.mark.slow
def test_replicas_have_dropout_of_their_own(steps):
    """It is a function of the epoch; what else is drawn is the same on all."""
    for kind in ("dropout", "noise"):
        one, two = steps[f"{kind}/1"], steps[f"{kind}/2"]
        first, again, other = two  # epochs 3, 3 and 4: call, replica, elements
        np.testing.assert_array_equal(first, again)
        np.testing.assert_array_equal(one[:, :, 0], two[:, :, 0])
        assert (first != other).any() and (first[0] != first[1]).any()
        assert (first[:, 0] != first[:, 1]).any() == (kind == "dropout")
    assert set(np.unique(steps["dropout/2"])) == {0, 2}


@pytest.mark.slow
def test_a_training_on_two_devices_is_that_on_one(root, tmp_path, task):
    """All losses and validation; 3 crops and 5 clips are in unequal parts.

    One epoch: rounding differs between the two, and what grows from it in later
    steps says something about the network and nothing about the division.
    """
    # Two devices first: TensorFlow divides its CPU before it begins.
    runs = [
        (task, tmp_path / "two", (*TWO, *ONE_EPOCH[task])),
        (task, tmp_path / "one", ONE_EPOCH[task]),
    ]
    process = miniatures.start(root, runs)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert_same_logs(tmp_path / "one", tmp_path / "two", 1e-4)
    one, two = (miniatures.last_checkpoint(tmp_path / name) for name in ("one", "two"))
    assert one.keys() == two.keys()  # the one can go on from the other
    for name, array in one.items():
        # Two devices add the same terms in another order: 1e-6 of what is added, of
        # which much may cancel; all does in a bias before batch normalization.
        array = array.astype(float)
        difference = np.linalg.norm(array - two[name])
        assert difference <= 1e-3 * np.linalg.norm(array) + 1e-7, name


def test_one_device_needs_no_strategy():
    strategy = distribution.make_strategy("")
    assert strategy is tf.distribute.get_strategy()
    model = object()
    assert distribution.replicated(model, strategy) is model


@pytest.mark.parametrize("devices", ["GPU:7", "CPU:0,CPU:1", "CPU:0,CPU:0", "here"])
def test_devices_that_are_not_there(devices):
    tf.config.list_logical_devices()  # too late to divide the CPU
    with pytest.raises(SystemExit, match=f"CPU:0.*Received: {devices}"):
        distribution.make_strategy(devices)


def test_unknown_precision(tmp_path):
    with pytest.raises(SystemExit, match="mixed_float16. Received: 'float8'"):
        artifact_removal.main(["--precision", "float8", "--output", str(tmp_path)])
