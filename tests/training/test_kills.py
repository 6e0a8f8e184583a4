"""SIGKILL at any moment, `--resume`, and the bits of an undisturbed run."""

import multiprocessing
import os
import random
import signal
import time

import numpy as np
import pytest

from tests.support import training_miniatures as miniatures

# Children fork from a process that has imported TensorFlow and not begun to use it.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.support.training_miniatures"])

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("miniatures")
    process = PROCESSES.Process(target=miniatures.write_data, args=(root,))
    process.start()
    process.join()
    assert process.exitcode == 0
    return root


def train(root, task, output, options, kill_after=None):
    """Trains in a process of its own; returns its status and its seconds."""
    process = PROCESSES.Process(
        target=miniatures.run, args=(task, root, output, options)
    )
    start = time.monotonic()
    process.start()
    process.join(kill_after)
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    return process.exitcode, time.monotonic() - start


@pytest.mark.parametrize(
    ("task", "devices", "kills"),
    [
        ("restoration", "", 4),
        ("restoration", "CPU:0,CPU:1", 1),
        *(
            pytest.param(*case, marks=pytest.mark.exhaustive)
            for case in (
                ("action", "", 10),
                ("detection", "", 10),
                ("detection", "CPU:0,CPU:1", 3),
                ("action", "CPU:0,CPU:1", 3),
            )
        ),
    ],
)
def test_killed_runs_end_with_the_same_bits(root, tmp_path, task, devices, kills):
    options = ("--devices", devices)
    if task == "action":
        options += ("--dropout", "0.5", "--spatial-dropout", "0.5")
    whole = tmp_path / "whole"
    status, seconds = train(root, task, whole, options)
    assert status == 0
    moments = random.Random(f"{task} {devices}")
    killed, ended = 0, 0
    while killed < kills:
        # From the first import to the last export.
        kill_after = moments.uniform(0, seconds)
        output = tmp_path / f"killed_{ended}"
        status, _ = train(root, task, output, (*options, "--resume"), kill_after)
        killed += status == -signal.SIGKILL
        if status != -signal.SIGKILL:  # it was through before: another one
            assert_ended_the_same(status, whole, output)
            ended += 1
    output = tmp_path / f"killed_{ended}"
    status, _ = train(root, task, output, (*options, "--resume"))
    assert_ended_the_same(status, whole, output)


def assert_ended_the_same(status, whole, output):
    """Weights, optimizer and log, to the bit."""
    assert status == 0
    logs = [next(folder.rglob("log.csv")) for folder in (whole, output)]
    assert logs[0].read_text() == logs[1].read_text()
    whole, killed = (miniatures.last_checkpoint(folder) for folder in (whole, output))
    assert whole.keys() == killed.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(array, killed[name], err_msg=name)
