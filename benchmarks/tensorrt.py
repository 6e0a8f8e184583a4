"""Checks TF-TRT on a machine with a GPU, libnvinfer 8.6 and TensorFlow up to 2.17.

    python -m benchmarks.tensorrt

Exports a small restorer in every precision, and compares the answers of the engines
with the Keras model on frames of a real video. Ends with status 1 if one is wrong, or
with what is missing here.
"""

import functools
import sys
import tempfile

import keras
import numpy as np

from benchmarks.support import timing
from offkeras import data, export, models
from offkeras.export.to_tensorrt import PRECISIONS, check_available

SIZE = (128, 160)
BATCH = 8
ROUNDS = 50
# Largest error of a restored frame, in levels of 0..255.
BOUNDS = {"float32": 1.5, "float16": 3, "int8": 24}


def main():
    """Exports, compares and times every precision."""
    try:
        check_available()
    except RuntimeError as error:
        sys.exit(str(error))
    keras.utils.set_random_seed(0)
    model = models.OFFArtifactRemover(initialization="xavier")
    frames = data.read_frames(data.sample_video("carphone_pristine.mp4"), range(64))
    frames = frames[:, : SIZE[0], : SIZE[1]]
    clips = np.stack([frames[i : i + 3] for i in range(BATCH)])
    outputs = model({"frames": clips.astype("float32")}, training=False)
    expected = np.asarray(outputs["restored"]).clip(0, 255)
    calibration = np.stack([frames[i : i + 3] for i in range(20, 60)])

    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for quantize in PRECISIONS:
            version = export.tensorrt(
                model,
                f"{folder}/{quantize}",
                quantize=quantize,
                size=SIZE,
                batch_sizes=(1, BATCH),
                calibration=calibration if quantize == "int8" else None,
            )
            run = export.FORMATS["tensorrt"].run(version, "serving_default")
            run = functools.partial(run, frames=clips)
            error = np.abs(run()["restored"] - expected).max()
            rate = BATCH / timing.median_seconds(run, ROUNDS)
            print(f"{quantize:8} largest error {error:6.2f}, {rate:8.1f} frames/s")
            if error > BOUNDS[quantize]:
                wrong.append(quantize)
    if wrong:
        sys.exit(f"Expected errors within {BOUNDS}. Too large: {', '.join(wrong)}.")


if __name__ == "__main__":
    main()
