"""Table 6 of the paper in kind, on the moving objects.

    python -m benchmarks.moving_objects

Trains R-FCN, OFF on one scale and on two, and a control with the parameters of the
latter that has the key frame itself as its reference and so sees no motion, with
several seeds, and tests them on a scene of which no frame was trained on. Each
finished run is a row of the CSV; runs that have a row are not run again, and a killed
one goes on where it stopped. Options of training.object_detection may follow.
"""

import time

from benchmarks.support import records, trainings
from offkeras import models
from offkeras.training.detection import train as object_detection

PRESET = ("--preset", "moving_objects")
MODELS = {
    "RFCN": [*PRESET, "--model", "rfcn"],
    "control": [*PRESET, "--model", "off_multi", "--offsets", "0"],
    "OFF single": [*PRESET, "--model", "off_single"],
    "OFF multi": [*PRESET, "--model", "off_multi"],
}
# Columns of the table and protocols of the evaluation.
PROTOCOLS = {
    "map": "iou_0.5",
    "map_vid": "vid",
    "ap50_coco": "coco_ap50",
    "map_slow": "speed_slow",
    "map_medium": "speed_medium",
    "map_fast": "speed_fast",
}


def train(model, options, folder):
    """Trains and tests one model."""
    start, output = time.time(), folder / model.replace(" ", "_")
    resumed = output.exists()
    object_detection.main([*options, "--output", str(output), "--resume"])
    rows = records.read(output / "evaluation/summary.csv")
    values = {row["protocol"]: float(row["mAP"]) for row in rows}
    detector = models.load_model(output / "detector.keras")
    return {
        **{column: f"{values[name]:.4f}" for column, name in PROTOCOLS.items()},
        "parameters": detector.count_params(),
        # Of a run that was killed and resumed the time is unknown.
        "seconds": "" if resumed else round(time.time() - start),
    }


def main(argv=None):
    """Runs what is missing in the CSV and prints the means."""
    trainings.fill(
        argv,
        __file__,
        __doc__,
        runs="runs/moving_objects_runs",
        named="model",
        plural="models",
        networks=MODELS,
        summary=PROTOCOLS,
        train=train,
    )


if __name__ == "__main__":
    main()
