"""Tables 3 and 4 of the paper in kind, on the camera-motion set.

    python -m benchmarks.ablation

Trains the whole OFF, OFF_T, OFF_S and the hypercolumn network with the same options
and several seeds, and tests them on a video of which no frame was trained on. The
networks of a seed share the appearance network of the first stage, which is their
output `appearance`. Each finished run is a row of the CSV; runs that have a row are
not run again. Options of training.action_recognition may follow.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from benchmarks import accuracies, records

NETWORKS = {
    "OFF": [],
    "OFF_T": ["--no-spatial"],
    "OFF_S": ["--no-temporal"],
    "hypercolumn": ["--no-spatial", "--no-temporal"],
}
SEEDS = (0, 1, 2)
COLUMNS = (
    "network",
    "seed",
    *accuracies.COLUMNS,
    "first_stage",
    "options",
    *records.ENVIRONMENT,
)


def main(argv=None):
    """Runs what is missing in the CSV and prints the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/ablation.csv"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    arguments, options = parser.parse_known_args(argv)
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as folder:
            for network in arguments.networks:
                done = [(r["network"], r["seed"]) for r in records.read(arguments.out)]
                if (network, str(seed)) not in done:
                    row = run(network, seed, options, Path(folder))
                    records.append(arguments.out, COLUMNS, [row])
    rows = records.read(arguments.out)
    records.print_ranges(rows, "network", ("appearance", "off_3", "fused"))


def run(network, seed, options, folder):
    """Trains and tests one network in a folder for all of its seed."""
    options = [
        *("--preset", "camera_motion", "--seed", str(seed)),
        *NETWORKS[network],
        *options,
    ]
    output = folder / network
    first_stage = next(folder.glob("*/appearance"), None)
    if first_stage:
        shutil.copytree(first_stage, output / "appearance")
    measured = accuracies.train_and_test(
        options, output, exports=folder / "savedmodels"
    )
    return {
        "network": network,
        "seed": seed,
        **measured,
        "first_stage": "shared" if first_stage else "trained",
        "options": " ".join(options),
        **records.environment(),
    }


if __name__ == "__main__":
    main()
