"""What every training run does first."""

import contextlib
import dataclasses
import json
import os
import sys
from pathlib import Path

import keras
import tensorflow as tf

from offkeras.storage.writing import PREFIX, no_room, write_text
from offkeras.training import options
from offkeras.training.replicas import devices as distribution
from offkeras.training.replicas import machines as cluster
from offkeras.training.replicas import remote_output as mirror

# These may differ when a run is resumed.
FREE = ("output", "resume", "devices", "export_to")
OPTIONS = "options.json"
DATA = "data.json"


@contextlib.contextmanager
def start(o, free=()):
    """Devices, precision, seeds and the output folder of a run, in this order.

    Args:
        o: options with `devices`, `precision`, `deterministic`, `seed`, `output`
            and `resume`.
        free: names of more options that may differ when it is resumed.

    Yields:
        `(o, output, strategy)`: the options with the folders of this machine, the
        output folder as a `Path`, and the `tf.distribute.Strategy`.
    """
    strategy = distribution.make_strategy(o.devices)
    with cluster.together(strategy):
        keras.config.set_dtype_policy(o.precision)
        keras.utils.set_random_seed(o.seed)
        if o.deterministic:
            tf.config.experimental.enable_op_determinism()
        with mirror.local_output(o) as o:
            o = cluster.private_folders(o)
            output = prepare_output(o, free)
            mirror.upload()  # a store that refuses it does so now
            try:
                yield o, output, strategy
            except KeyboardInterrupt:
                print(
                    f"\nInterrupted: --resume goes on with {output}.", file=sys.stderr
                )
                raise SystemExit(130) from None
            except Exception as error:  # of many libraries
                if no_room(error) is None:
                    raise
                raise SystemExit(
                    f"{output}: {os.strerror(no_room(error))}. --resume goes on with "
                    "the last whole checkpoint once there is room."
                ) from error


@options.bad_input()
def prepare_output(o, free=()):
    """Makes the output folder of a run and writes its options there.

    Args:
        o: options with `output` and `resume`.
        free: see `start`.

    Returns:
        The folder as a `Path`.

    Raises:
        SystemExit: if the folder holds a run and `resume` is not set, or a run
            with other options.
    """
    output = Path(o.output)
    begun = _has_begun(output)
    if begun and not o.resume:
        raise SystemExit(
            f"{output} holds an earlier run: pass --resume to go on with it, or "
            "another --output."
        )
    given = dataclasses.asdict(o)
    given = {k: v for k, v in given.items() if k not in (*FREE, *free)}
    given = json.loads(json.dumps(given))  # as it is read again: tuples are lists
    path = output / OPTIONS
    if begun and path.exists():
        before = json.loads(path.read_text("utf-8"))
        changed = [k for k in given if before.get(k) != given[k]]
        if changed:
            raise SystemExit(
                f"{output} was trained with other options: "
                + ", ".join(f"{k} {before.get(k)!r}" for k in changed)
                + ". Received: "
                + ", ".join(f"{k} {given[k]!r}" for k in changed)
                + ". A run resumes with the options it began with."
            )
    write_text(path, json.dumps(given, indent=2))
    return output


def _has_begun(output):
    """Whether a folder holds more than what a start leaves that failed."""
    held = {path.name for path in output.iterdir()} if output.exists() else set()
    return any(not name.startswith((OPTIONS, DATA, PREFIX)) for name in held)


def agree_on_data(output, files):
    """Writes down what a run is trained and tested on, or compares with it.

    Another list of files would be split another way: what was held out would be
    trained on, and the measures would mislead.

    Args:
        output: folder of the run.
        files: pairs of the name of a file and its size, in whatever unit.

    Raises:
        SystemExit: if the run began with other files: the first that differs.
    """
    path, files = output / DATA, {name: size for name, size in files}
    if not _has_begun(output) or not path.exists():
        write_text(path, json.dumps(files, indent=0))
        return
    before = json.loads(path.read_text("utf-8"))
    for name in sorted(before.keys() | files.keys()):
        if before.get(name) == files.get(name):
            continue
        if name not in files:
            change = "is missing"
        elif name not in before:
            change = "is new"
        else:
            change = f"has the size {files[name]}, and had {before[name]}"
        raise SystemExit(
            f"{output} was trained on other data: {name} {change}. A run resumes with "
            "the data it began with; other data need another --output."
        )
