"""The paper's claim of acceleration in kind: OFF on inputs that show motion already.

    python -m benchmarks.acceleration

Trains a recognizer on the embedded acceleration set, for flow and for RGB-diff, with
several seeds. Its output `appearance`, which averages the scores of segments, can be
right for half of the clips at most; OFF sees the order of the segments. The test is on
a video of which no frame was trained on. Each finished run is a row of the CSV; runs
that have a row are not run again. Options of training.action_recognition may follow.
"""

import argparse
import csv
import datetime
import platform
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from training import action_recognition

MODALITIES = ("flow", "rgb_diff")
SEEDS = (0, 1, 2)
COLUMNS = (
    *("modality", "seed", "appearance", "off_1", "off_2", "off_3", "fused"),
    *("seconds", "options", "tensorflow", "keras", "device", "date"),
)


def main(argv=None):
    """Runs what is missing in the CSV and prints the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/acceleration.csv"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument(
        "--modalities", nargs="+", choices=MODALITIES, default=MODALITIES
    )
    arguments, options = parser.parse_known_args(argv)
    rows = read(arguments.out)
    for seed in arguments.seeds:
        for modality in arguments.modalities:
            if any((r["modality"], int(r["seed"])) == (modality, seed) for r in rows):
                continue
            rows.append(run(modality, seed, options))
            write(arguments.out, rows)
    print_means(rows)


def read(path):
    """Rows of the CSV, none if it does not exist."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows):
    """Writes all rows."""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def run(modality, seed, options):
    """Trains and tests one recognizer."""
    start = time.time()
    options = [
        *("--preset", "acceleration", "--modality", modality, "--seed", str(seed)),
        *options,
    ]
    keras.backend.clear_session()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, modality)
        places = ["--output", str(output), "--export-to", str(Path(folder, "exports"))]
        action_recognition.main([*options, *places])
        with open(output / "results.csv", newline="") as file:
            accuracy = {r["output"]: float(r["accuracy"]) for r in csv.DictReader(file)}
    return {
        "modality": modality,
        "seed": seed,
        **{name: f"{value:.4f}" for name, value in accuracy.items()},
        "seconds": round(time.time() - start),
        "options": " ".join(options),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "device": platform.processor() or platform.machine(),
        "date": datetime.date.today().isoformat(),
    }


def print_means(rows):
    """Mean and range over the seeds, in percent."""
    for modality in MODALITIES:
        same = [row for row in rows if row["modality"] == modality]
        if not same:
            continue
        cells = []
        for output in ("appearance", "off_3", "fused"):
            values = 100 * np.array([float(row[output]) for row in same])
            cells.append(
                f"{output} {values.mean():5.1f} ({values.min():.1f}-{values.max():.1f})"
            )
        print(f"{modality:12}", "   ".join(cells))


if __name__ == "__main__":
    main()
