"""Table 6 of the paper in kind, on the moving objects.

    python -m benchmarks.moving_objects

Trains R-FCN, OFF on one scale and on two, and a control with the parameters of the
latter that has the key frame itself as its reference and so sees no motion, with
several seeds, and tests them on a scene of which no frame was trained on. Each
finished run is a row of the CSV; runs that have a row are not run again, and a killed
one goes on where it stopped. Options of training.object_detection may follow.
"""

import argparse
import csv
import time
from pathlib import Path

import keras

from benchmarks import records
from training import object_detection

MODELS = {
    "RFCN": ["--model", "rfcn"],
    "control": ["--model", "off_multi", "--offsets", "0"],
    "OFF single": ["--model", "off_single"],
    "OFF multi": ["--model", "off_multi"],
}
SEEDS = (0, 1, 2)
# Columns of the table and protocols of the evaluation.
PROTOCOLS = {
    "map": "iou_0.5",
    "map_vid": "vid",
    "ap50_coco": "coco_ap50",
    "map_slow": "speed_slow",
    "map_medium": "speed_medium",
    "map_fast": "speed_fast",
}
COLUMNS = ("model", "seed", *PROTOCOLS, "parameters", "seconds", "options")
COLUMNS = (*COLUMNS, *records.ENVIRONMENT)


def main(argv=None):
    """Runs what is missing in the CSV and prints the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/moving_objects.csv")
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/moving_objects_runs"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    arguments, options = parser.parse_known_args(argv)
    for seed in arguments.seeds:
        for model in arguments.models:
            done = [(r["model"], int(r["seed"])) for r in records.read(arguments.out)]
            if (model, seed) not in done:
                row = run(model, seed, options, arguments.runs)
                records.append(arguments.out, COLUMNS, [row])
    records.print_ranges(records.read(arguments.out), "model", PROTOCOLS)


def run(model, seed, options, runs):
    """Trains and tests one model."""
    start = time.time()
    options = [
        *("--preset", "moving_objects", "--seed", str(seed)),
        *MODELS[model],
        *options,
    ]
    output = runs / f"{model.replace(' ', '_')}_{seed}"
    resumed = output.exists()
    keras.backend.clear_session()
    object_detection.main([*options, "--output", str(output), "--resume"])
    with open(output / "evaluation/summary.csv", newline="") as file:
        values = {row["protocol"]: float(row["mAP"]) for row in csv.DictReader(file)}
    detector = keras.models.load_model(output / "detector.keras")
    return {
        "model": model,
        "seed": seed,
        **{column: f"{values[name]:.4f}" for column, name in PROTOCOLS.items()},
        "parameters": detector.count_params(),
        # Of a run that was killed and resumed the time is unknown.
        "seconds": "" if resumed else round(time.time() - start),
        "options": " ".join(options),
        **records.environment(),
    }


if __name__ == "__main__":
    main()
