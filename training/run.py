"""What every training run does first."""

import contextlib
import dataclasses
import json
import os
import sys
from pathlib import Path

import keras
import tensorflow as tf

from training import cluster, distribution, mirror, options

# These may differ when a run is resumed.
FREE = ("output", "resume", "devices", "export_to")
OPTIONS = "options.json"
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@contextlib.contextmanager
def start(o):
    """Devices, precision, seeds and the output folder of a run, in this order.

    Args:
        o: options with `devices`, `precision`, `deterministic`, `seed`, `output`
            and `resume`.

    Yields:
        `(o, output, strategy)`: the options with the folders of this machine, the
        output folder as a `Path`, and the `tf.distribute.Strategy`.
    """
    if o.precision not in PRECISIONS:
        raise SystemExit(
            f"--precision must be one of {', '.join(PRECISIONS)}. "
            f"Received: {o.precision!r}."
        )
    strategy = distribution.make_strategy(o.devices)
    with cluster.together(strategy):
        keras.config.set_dtype_policy(o.precision)
        keras.utils.set_random_seed(o.seed)
        if o.deterministic:
            tf.config.experimental.enable_op_determinism()
        with mirror.local_output(o) as o:
            o = cluster.private_folders(o)
            output = prepare_output(o)
            mirror.upload()  # a store that refuses it does so now
            try:
                yield o, output, strategy
            except KeyboardInterrupt:
                print(
                    f"\nInterrupted: --resume goes on with {output}.", file=sys.stderr
                )
                raise SystemExit(130) from None


@options.bad_input()
def prepare_output(o):
    """Makes the output folder of a run and writes its options there.

    Args:
        o: options with `output` and `resume`.

    Returns:
        The folder as a `Path`.

    Raises:
        SystemExit: if the folder holds a run and `resume` is not set, or a run
            with other options.
    """
    output = Path(o.output)
    held = {path.name for path in output.iterdir()} if output.exists() else set()
    begun = bool(held - {OPTIONS})  # else the start failed
    if begun and not o.resume:
        raise SystemExit(
            f"{output} holds an earlier run: pass --resume to go on with it, or "
            "another --output."
        )
    given = {k: v for k, v in dataclasses.asdict(o).items() if k not in FREE}
    path = output / OPTIONS
    if begun and path.exists():
        before = json.loads(path.read_text())
        changed = [k for k in given if before.get(k) != given[k]]
        if changed:
            raise SystemExit(
                f"{output} was trained with other options: "
                + ", ".join(f"{k} {before.get(k)!r}" for k in changed)
                + ". Received: "
                + ", ".join(f"{k} {given[k]!r}" for k in changed)
                + ". A run resumes with the options it began with."
            )
    output.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name("writing." + path.name)
    temporary.write_text(json.dumps(given, indent=2))
    os.replace(temporary, path)
    return output
