"""Several machines: the same command on each, told apart by TF_CONFIG alone.

    {"cluster": {"worker": ["host0:2222", "host1:2222"]},
     "task": {"type": "worker", "index": 0}}

Every machine runs the whole program, validation and test included, so that all of
them read shared variables in the same order. Only the chief, the first machine,
writes into the output folder: the others have folders of their own, which they
delete. They read the checkpoints of a run that is resumed, so all must see the
output folder.

A machine that is lost, or stands still, ends the run on the others, within
`LOST_AFTER` seconds and a few, and `--resume` on all of them goes on from the last
whole epoch.
"""

import atexit
import contextlib
import dataclasses
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import tensorflow as tf

START_TIMEOUT = 600.0  # seconds until all machines must have begun
LOST_AFTER = 60.0  # seconds that a machine may be out of reach
INTERVAL = 2.0  # seconds between two looks
LOST = 75  # exit status: try again


def machines():
    """Addresses of all machines, the chief's first, and the index of this one.

    Returns:
        `(addresses, index)`; `([], 0)` without TF_CONFIG or with one machine.

    Raises:
        SystemExit: if TF_CONFIG is not as TensorFlow wants it.
    """
    try:
        config = json.loads(os.environ.get("TF_CONFIG") or "{}")
        cluster, task = config.get("cluster", {}), config.get("task", {})
        jobs = {job: cluster.get(job, []) for job in ("chief", "worker")}
        addresses = [address for hosts in jobs.values() for address in hosts]
        if len(addresses) < 2:
            return [], 0
        own = jobs[task["type"]][task["index"]]
        for address in addresses:
            _host_and_port(address)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise SystemExit(
            'Expected TF_CONFIG to be such as {"cluster": {"worker": ["host0:2222", '
            '"host1:2222"]}, "task": {"type": "worker", "index": 0}}. '
            f"Received: {os.environ['TF_CONFIG']}"
        ) from None
    return addresses, addresses.index(own)


def is_chief():
    """Whether this machine writes the output: the first one, or the only one."""
    return machines()[1] == 0


def private_folders(o):
    """The options with folders of this machine's own, unless it is the chief.

    Args:
        o: options with `output` and `resume`, and perhaps `export_to`.

    Returns:
        The options. Their folders are deleted when the program ends; a resumed
        run finds copies of its checkpoints there.
    """
    if is_chief():
        return o
    folder = tempfile.mkdtemp(prefix="offkeras_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    names = ("last.weights.h5", "*/last.weights.h5") if o.resume else ()
    for name in names:
        for path in tf.io.gfile.glob(f"{o.output}/{name}"):
            copy = Path(folder, path.removeprefix(str(o.output)).lstrip("/"))
            copy.parent.mkdir(exist_ok=True)
            tf.io.gfile.copy(path, str(copy))
    fields = {field.name for field in dataclasses.fields(o)}
    return dataclasses.replace(
        o, **{name: folder for name in ("output", "export_to") if name in fields}
    )


def connect():
    """The strategy over all machines, each of which is watched from now on."""
    addresses, index = machines()
    others = {i: address for i, address in enumerate(addresses) if i != index}
    threading.Thread(target=_watch, args=(others,), daemon=True).start()
    return tf.distribute.MultiWorkerMirroredStrategy()


def agree(strategy, number, what):
    """Waits for all machines and checks that they have the same number.

    Args:
        strategy: the one of `connect`.
        number: an integer.
        what: what it is, for the error.

    Raises:
        RuntimeError: if another machine has another number.
    """

    @tf.function(autograph=False)
    def add_up():
        numbers = strategy.run(lambda: tf.constant(number, tf.int64))
        return strategy.reduce("SUM", numbers, axis=None)

    if int(add_up()) != number * strategy.num_replicas_in_sync:
        raise RuntimeError(
            f"Expected the same {what} on all machines: is the output folder one "
            f"that all of them see? Received here: {number}."
        )


@contextlib.contextmanager
def chief_first(strategy):
    """What the chief makes in the block is there when the others come to it."""
    several = bool(machines()[0])
    if several and not is_chief():
        agree(strategy, 1, "files")
    yield
    if several and is_chief():
        agree(strategy, 1, "files")


@contextlib.contextmanager
def together(strategy):
    """A run that all machines end at the same time, well or not.

    TensorFlow's way out waits for the other machines. A program that failed
    leaves at once instead, and the others see it gone.
    """
    if not machines()[0]:
        yield
        return
    try:
        yield
        agree(strategy, 0, "end")
    except BaseException as error:
        _explain(error)
        _leave(LOST if isinstance(error, tf.errors.OpError) else 1)
    _leave(0)


def _explain(error):
    """One sentence where a machine was lost, or what is known."""
    if isinstance(error, SystemExit):
        print(error, file=sys.stderr)
    elif isinstance(error, tf.errors.OpError):
        reason = str(error).strip().splitlines()[0]
        print(f"{reason}\n{_advice('Another machine stopped')}", file=sys.stderr)
    else:
        traceback.print_exception(error)


def _watch(others):
    """Ends the program if one of the others cannot be reached for too long.

    Args:
        others: index to address. TensorFlow listens there as long as it lives.
    """
    deadlines = {index: time.monotonic() + START_TIMEOUT for index in others}
    while True:
        for index, address in others.items():
            if _is_reachable(address):
                deadlines[index] = time.monotonic() + LOST_AFTER
            elif time.monotonic() > deadlines[index]:
                lost = f"Machine {index} ({address}) cannot be reached"
                print(_advice(lost), file=sys.stderr)
                _leave(LOST)
        time.sleep(INTERVAL)


def _advice(what):
    return (
        f"{what}: the run ends here. Start all machines again with --resume; "
        "it goes on from the last whole epoch."
    )


def _is_reachable(address):
    """Whether TensorFlow greets: a process that stands still is connected to, only."""
    try:
        with socket.create_connection(_host_and_port(address), INTERVAL) as connection:
            return bool(connection.recv(1))
    except OSError:
        return False


def _host_and_port(address):
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


def _leave(status):
    """Ends the process without the goodbyes that wait for other machines."""
    atexit._run_exitfuncs()  # private: `os._exit` leaves out what it would do
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
