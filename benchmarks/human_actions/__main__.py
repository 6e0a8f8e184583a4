"""Tables 2 to 4 of the paper in kind, on human actions, and the layers after OFF.

    python -m benchmarks.human_actions

All networks of a seed see the same clips, and the same features of the same fixed
backbone with ImageNet weights, so they differ in what they make of the motion between
them. They are trained as `offkeras train human_actions` trains, with its defaults. The
test shows other people and places from other viewpoints; the epoch is chosen by clips
that are neither. Each finished run is a row of the CSV; runs that have a row are not
run again.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.support import records
from offkeras.training.actions.scores import accuracies
from offkeras.training.compare import systems, trial
from offkeras.training.folder import clips, train
from offkeras.training.replicas import devices

# The names that these systems of `offkeras compare` have in the tables.
NETWORKS = {
    "OFF": "off",
    "OFF_T": "off_t",
    "OFF_S": "off_s",
    "hypercolumn": "hypercolumn",
    "TEA": "tea",
    "TDN": "tdn",
    "MotionSqueeze": "motion_squeeze",
}
SEEDS = (0, 1, 2)


def run(name, o, parts, kept, folder):
    """Trains and tests one network; returns its row and the features it saw."""
    start = time.time()
    backbone = systems.make_backbone("rgb", o)
    system, classes = systems.SYSTEMS[NETWORKS[name]], parts[clips.TRAIN].class_names
    recognizer = systems.make(system, len(classes), backbone, o)
    if kept is None:
        extract = trial.extractor(recognizer)
        kept = train.keep_features(parts, extract, o.size, o, folder)
    scores, heads = trial.train_and_test(
        recognizer, parts, kept, o, folder / name, devices.make_strategy(o.devices)
    )
    labels = np.array(parts[clips.TEST].labels)
    row = {n: f"{accuracies(s, labels)[0]:.4f}" for n, s in scores.items()}
    row["parameters"] = heads.count_params()
    row["seconds"] = round(time.time() - start)
    return row, kept


def main(argv=None):
    """Runs what is missing in the CSV and prints the means."""
    csv = Path(__file__).parent.with_suffix(".csv")
    parser = records.parser(__doc__, default=csv)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=[*NETWORKS])
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--set", choices=clips.PEOPLE, default="human_actions")
    parser.add_argument("--backgrounds", default="")
    args = parser.parse_args(argv)
    for seed in args.seeds:
        o = train.Options(data=args.set, seed=seed, backgrounds=args.backgrounds)
        told = {"set": o.data, "seed": seed}
        done = [
            row["network"]
            for row in records.read(args.out)
            if (row["set"], row["seed"]) == (o.data, str(seed))
        ]
        missing = [name for name in args.networks if name not in done]
        with tempfile.TemporaryDirectory() as folder:
            parts, kept = None, None
            for name in missing:
                parts = parts or clips.open_clips(o)[0]
                row, kept = run(name, o, parts, kept, Path(folder))
                row |= {"clips": o.clips * o.views, "epochs": o.epochs}
                row = {"network": name, **told, **row, **records.environment()}
                records.write(args.out, [row])
    rows = [row for row in records.read(args.out) if row["set"] == args.set]
    records.print_ranges(rows, "network", ("appearance", "off_1", "off_3", "fused"))


if __name__ == "__main__":
    main()
