"""Accuracy of a recognizer that is trained for one row of a benchmark."""

import csv
import time

import keras

from training import action_recognition

COLUMNS = ("appearance", "off_1", "off_2", "off_3", "fused", "seconds")


def train_and_test(options, output, *, exports):
    """Runs `training.action_recognition`.

    Args:
        options: its options but for the folders.
        output: folder for checkpoints and logs.
        exports: folder of the SavedModels.

    Returns:
        Accuracy of every output on the held-out clips, and the seconds it took: the
        `COLUMNS` of a row.
    """
    start = time.time()
    keras.backend.clear_session()
    places = ["--output", str(output), "--export-to", str(exports)]
    action_recognition.main([*options, *places, "--resume"])
    with open(output / "results.csv", newline="") as file:
        accuracy = {r["output"]: float(r["accuracy"]) for r in csv.DictReader(file)}
    return {
        **{name: f"{value:.4f}" for name, value in accuracy.items()},
        "seconds": round(time.time() - start),
    }
