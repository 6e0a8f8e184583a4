"""Tables of which a row is a training and its test."""

import tempfile
import time
from pathlib import Path

import keras

from benchmarks.support import records
from offkeras.training.actions import train as action_recognition

SEEDS = (0, 1, 2)


def recognizer(name, options, folder):
    """Trains a recognizer in a folder of its seed.

    Returns:
        Accuracy of every output on the held-out clips, and the seconds it took.
    """
    start, output = time.time(), folder / name
    folders = ["--output", str(output), "--export-to", str(folder / "savedmodels")]
    action_recognition.main([*options, *folders, "--resume"])
    rows = records.read(output / "results.csv")
    return {
        **{row["output"]: f"{float(row['accuracy']):.4f}" for row in rows},
        "seconds": round(time.time() - start),
    }


def fill(
    argv,
    file,
    description,
    *,
    runs=None,
    named,
    plural,
    networks,
    summary=("appearance", "off_3", "fused"),
    train=recognizer,
):
    """Trains what is missing in a table, for several seeds, and prints the means.

    Args:
        argv: the command line; options that it does not know go to the trainings.
        file: of the benchmark; the CSV beside it is the default of `--out`.
        description: documentation of the benchmark.
        runs: default of `--runs`, None for a temporary folder.
        named: the column that names a network.
        plural: the option to choose some of them.
        networks: dict from such a name to the options of its training.
        summary: the columns whose means are printed.
        train: function of the name, the options and the folder of all runs of a
            seed, which may hold those of a killed run; returns the columns.
    """
    parser = records.parser(description, default=Path(file).with_suffix(".csv"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    choices = dict(nargs="+", choices=networks, default=list(networks))
    parser.add_argument(f"--{plural}", dest="names", **choices)
    parser.add_argument("--runs", default=runs, help="folder to keep the trainings in")
    o, more = parser.parse_known_args(argv)
    for seed in o.seeds:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(o.runs, f"{seed}") if o.runs else Path(folder)
            for name in o.names:
                done = [(row[named], row["seed"]) for row in records.read(o.out)]
                if (name, str(seed)) in done:
                    continue
                options = [*networks[name], "--seed", str(seed), *more]
                keras.backend.clear_session()
                row = {named: name, "seed": seed, **train(name, options, folder)}
                row |= {"options": " ".join(options), **records.environment()}
                records.write(o.out, [row])
    records.print_ranges(records.read(o.out), named, summary)
