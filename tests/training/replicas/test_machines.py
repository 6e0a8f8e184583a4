"""Several machines, as processes on this one."""

import collections
import csv
import functools
import json
import os
import signal
import socket
import time
import types
from pathlib import Path

import pytest
import tensorflow as tf

from offkeras.training.replicas import devices as distribution
from offkeras.training.replicas import machines as cluster
from tests.support import training_miniatures as miniatures

# Seconds within which a machine that lost another has ended.
ENDED = cluster.LOST_AFTER + 40


def exhaustive(*case):
    """A case that another one stands for."""
    return pytest.param(*case, marks=pytest.mark.exhaustive)


def tf_config(index, addresses=("a:1", "b:2")):
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": list(addresses)}, "task": task})


def free_addresses(count=2):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


def start(root, task, output, options=()):
    """Both machines of a run, the same command on each."""
    addresses = free_addresses()
    return [
        miniatures.start(
            root, [(task, output, options)], TF_CONFIG=tf_config(index, addresses)
        )
        for index in (0, 1)
    ]


def end(processes, timeout=400):
    """What the machines printed, and how they ended."""
    outputs = [process.communicate(timeout=timeout)[0] for process in processes]
    return outputs, [process.returncode for process in processes]


def wait_until(condition, timeout=200):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def losses(output):
    (path,) = Path(output).rglob("log.csv")
    with open(path, newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.mark.slow
def test_two_machines_train_as_one(root, tmp_path, task):
    outputs, statuses = end(start(root, task, tmp_path / "two"))
    assert statuses == [0, 0], outputs
    alone = miniatures.start(root, [(task, tmp_path / "one", ())])
    assert end([alone])[1] == [0]
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-4)
    # One machine alone wrote, and all that a run writes.
    one, two = (
        sorted(
            path.name.split(".tfevents.")[0]
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        )
        for name in ("one", "two")
    )
    assert one == two
    assert "Epoch 5/5" in outputs[0] and "Epoch 5/5" not in outputs[1]
    if task == "restoration":  # 5 epochs of 5 batches of 3, each read by one machine
        assert "50 crops were read" in outputs[0]
        assert "25 crops were read" in outputs[1]


@pytest.mark.parametrize("machines, devices", [(2, 1), (2, 2), (3, 4)])
@pytest.mark.parametrize("batch", [1, 5, 12, 19])
def test_parts_of_a_batch(monkeypatch, machines, devices, batch):
    """Every sample goes to one device, or all to all devices or machines."""
    strategy = types.SimpleNamespace(num_replicas_in_sync=machines * devices)
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert distribution.worker_slice_of(batch, strategy) is None
    samples = []
    for index in range(machines):
        addresses = [f"host{i}:1" for i in range(machines)]
        monkeypatch.setenv("TF_CONFIG", tf_config(index, addresses))
        first, end = distribution.worker_slice_of(batch, strategy)
        own = tf.data.Dataset.from_tensors({"index": tf.range(first, end)})
        own = own.map(functools.partial(distribution.repeat, count=devices))
        for part in distribution.divide(own, devices):
            samples.append(part["index"].numpy().tolist())
    assert len(samples) == machines * devices
    sizes = [len(part) for part in samples]
    counts = collections.Counter(sum(samples, []))
    assert min(sizes) >= 1 and max(sizes) - min(sizes) <= 1
    assert set(counts) == set(range(batch)) and len(set(counts.values())) == 1
    if batch >= machines * devices:
        assert sum(samples, []) == list(range(batch))


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, exhaustive(1)])
def test_a_lost_machine_ends_the_other_and_the_run_resumes(root, tmp_path, lost):
    output = tmp_path / "run"
    many = ("--epochs", "2000")
    processes = start(root, "restoration", output, many)
    wait_until((output / "last.weights.h5").exists)
    os.kill(processes[lost].pid, signal.SIGKILL)
    (text,), (status,) = end([processes[1 - lost]], timeout=ENDED)
    assert status == cluster.LOST, text
    assert "Start all machines again with --resume" in text
    done = len(losses(output))
    assert 1 <= done < 2000
    # Both go on, from the checkpoint that the chief wrote, and are lost again.
    processes = start(root, "restoration", output, (*many, "--resume"))
    wait_until(lambda: len(losses(output)) >= done + 2)
    os.kill(processes[1].pid, signal.SIGKILL)
    assert end([processes[0]], timeout=ENDED)[1] == [cluster.LOST]


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [0, exhaustive(1)])
def test_a_frozen_machine_ends_the_other(root, tmp_path, frozen):
    output = tmp_path / "run"
    processes = start(root, "restoration", output, ("--epochs", "2000"))
    wait_until((output / "last.weights.h5").exists)
    os.kill(processes[frozen].pid, signal.SIGSTOP)
    try:
        (text,), (status,) = end([processes[1 - frozen]], timeout=ENDED)
    finally:
        os.kill(processes[frozen].pid, signal.SIGCONT)
    assert status == cluster.LOST, text
    assert "Start all machines again with --resume" in text
    # It goes on alone, sees that, and ends too.
    assert end([processes[frozen]], timeout=ENDED)[1] == [cluster.LOST]


def test_who_is_the_chief(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert cluster.machines() == ([], 0) and cluster.is_chief()
    monkeypatch.setenv("TF_CONFIG", tf_config(1))
    assert cluster.machines() == (["a:1", "b:2"], 1) and not cluster.is_chief()
    config = json.loads(tf_config(0)) | {"cluster": {"worker": ["b:2"]}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert cluster.machines() == ([], 0)  # one machine is no cluster
    config["cluster"]["chief"] = ["a:1"]
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert cluster.machines() == (["a:1", "b:2"], 1)


@pytest.mark.parametrize("value", ["{", tf_config(2), tf_config(0, ("a", "b:2")), "1"])
def test_wrong_tf_config(monkeypatch, value):
    monkeypatch.setenv("TF_CONFIG", value)
    with pytest.raises(SystemExit, match="Expected TF_CONFIG to be such as"):
        cluster.machines()


@pytest.mark.parametrize("listens", [False, True])
def test_a_machine_that_cannot_be_reached(monkeypatch, capsys, listens):
    """One that is never there, or does not answer; a lost one has less time."""

    class Left(BaseException):
        pass

    def leave(status):
        raise Left(status)

    monkeypatch.setattr(cluster, "_leave", leave)
    monkeypatch.setattr(cluster, "START_TIMEOUT", 0.3)
    monkeypatch.setattr(cluster, "INTERVAL", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Left, match=str(cluster.LOST)):
            cluster._watch({1: address})
    assert f"Machine 1 ({address}) cannot be reached" in capsys.readouterr().err


def test_a_machine_that_lives_is_reached():
    (address,) = free_addresses(1)
    server = tf.distribute.Server({"worker": [address]}, "worker", 0)
    assert server.target.endswith(address.removeprefix("127.0.0.1"))
    assert cluster._is_reachable(address)
