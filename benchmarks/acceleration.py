"""The paper's claim of acceleration in kind: OFF on inputs that show motion already.

    python -m benchmarks.acceleration

Trains a recognizer on the embedded acceleration set, for flow and for RGB-diff, with
several seeds. Its output `appearance`, which averages the scores of segments, can be
right for half of the clips at most; OFF sees the order of the segments. The test is on
a video of which no frame was trained on. Each finished run is a row of the CSV; runs
that have a row are not run again. Options of training.action_recognition may follow.
"""

import argparse
import itertools
import tempfile
from pathlib import Path

from benchmarks import accuracies, records

MODALITIES = ("flow", "rgb_diff")
SEEDS = (0, 1, 2)
COLUMNS = (*("modality", "seed", *accuracies.COLUMNS, "options", *records.ENVIRONMENT),)


def main(argv=None):
    """Runs what is missing in the CSV and prints the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/acceleration.csv"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument(
        "--modalities", nargs="+", choices=MODALITIES, default=MODALITIES
    )
    arguments, options = parser.parse_known_args(argv)
    for seed, modality in itertools.product(arguments.seeds, arguments.modalities):
        done = [(r["modality"], r["seed"]) for r in records.read(arguments.out)]
        if (modality, str(seed)) not in done:
            row = run(modality, seed, options)
            records.append(arguments.out, COLUMNS, [row])
    rows = records.read(arguments.out)
    records.print_ranges(rows, "modality", ("appearance", "off_3", "fused"))


def run(modality, seed, options):
    """Trains and tests one recognizer."""
    options = [
        *("--preset", "acceleration", "--modality", modality, "--seed", str(seed)),
        *options,
    ]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        measured = accuracies.train_and_test(
            options, folder / modality, exports=folder / "exports"
        )
    return {
        "modality": modality,
        "seed": seed,
        **measured,
        "options": " ".join(options),
        **records.environment(),
    }


if __name__ == "__main__":
    main()
