"""What every training run does first."""

import dataclasses
import json
from pathlib import Path

import tensorflow as tf

# These may differ when a run is resumed.
FREE = ("output", "resume", "devices", "export_to")


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
    if output.exists() and any(output.iterdir()) and not o.resume:
        raise SystemExit(
            f"{output} holds an earlier run: pass --resume to go on with it, or "
            "another --output."
        )
    options = {k: v for k, v in dataclasses.asdict(o).items() if k not in FREE}
    path = output / "options.json"
    if path.exists():
        before = json.loads(path.read_text())
        changed = [k for k in options if before.get(k) != options[k]]
        if changed:
            raise SystemExit(
                f"{output} was trained with other options: "
                + ", ".join(f"{k} {before.get(k)!r}" for k in changed)
                + ". Received: "
                + ", ".join(f"{k} {options[k]!r}" for k in changed)
                + ". A run resumes with the options it began with."
            )
    output.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(options, indent=2))
    return output


def make_strategy(devices):
    """MirroredStrategy over the named devices, or all GPUs; else the CPU alone.

    Args:
        devices: names such as `"GPU:0,GPU:1"`, or an empty string.

    Returns:
        A `tf.distribute.Strategy`.
    """
    if not devices and not tf.config.list_logical_devices("GPU"):
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy(devices.split(",") if devices else None)
