"""Trainings of a few small steps, one for each task.

python tests/training_miniatures.py ROOT '[["restoration", "OUTPUT", ["--seed", "1"]]]'

trains in a process of its own, on the data of `write_data(ROOT)`.
"""

import atexit
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

REPOSITORY = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(REPOSITORY))

import cv2  # noqa: E402
import h5py  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers  # noqa: E402

from offkeras import backbones  # noqa: E402
from offkeras.backbones.bn_inception import LEVELS  # noqa: E402
from offkeras.data.restoration import septuplets  # noqa: E402
from offkeras.data.synthetic.moving_objects import MOVING_OBJECTS  # noqa: E402
from offkeras.data.synthetic.snippet_files import write_snippets  # noqa: E402
from offkeras.training.actions import train as action_recognition  # noqa: E402
from offkeras.training.detection import train as object_detection  # noqa: E402
from offkeras.training.prepare import compression as prepare_compression  # noqa: E402
from offkeras.training.restoration import train as artifact_removal  # noqa: E402

TASKS = {
    "restoration": artifact_removal.main,
    "detection": object_detection.main,
    "action": action_recognition.main,
}


def small_backbone(*, weights, input_shape, width=1.0, mean=None):
    """Three convolutions, one of them normalised, under the names of BN-Inception."""
    image = keras.Input(input_shape, name="images")
    x, outputs = layers.Rescaling(1 / 128, offset=-1, name="scale")(image), {}
    for level, names in enumerate(LEVELS):
        x = layers.Conv2D(4, 3, strides=2, padding="same", name=f"conv_{level}")(x)
        if level == 0:
            x = layers.BatchNormalization(name="first_bn")(x)
        x = layers.ReLU(name=f"relu_{level}")(x)
        outputs |= dict.fromkeys(names, x)
    return keras.Model(image, outputs, name="bn_inception")


def write_data(root):
    """What the trainings read: moving objects and septuplets; clips are embedded."""
    splits = {"train": (3, 3), "validation": (1, 3), "test": (1, 3)}
    write_snippets(MOVING_OBJECTS, root / "moving_objects", splits=splits, workers=1)
    septuplets = root / "septuplets"
    names = [f"0000{i}/0001" for i in range(1, 5)]
    for seed, name in enumerate(names):
        folder = septuplets / "sequences" / name
        folder.mkdir(parents=True)
        noise = np.random.default_rng(seed).integers(0, 256, (44, 64, 3), np.uint8)
        texture = cv2.GaussianBlur(noise, (0, 0), 1.5)
        for t in range(7):
            cv2.imwrite(str(folder / f"im{t + 1}.png"), texture[t : t + 32, t : t + 48])
    (septuplets / "sep_trainlist.txt").write_text("\n".join(names[:3]) + "\n")
    (septuplets / "sep_testlist.txt").write_text(names[3] + "\n")
    prepare_compression.main(["--data", str(septuplets), "--quality", "40"])


def arguments(task, root, output):
    """The command line of 5 epochs of 4 or 5 small steps.

    5 clips or 3 crops do not divide into two devices; two frames do.
    """
    common = ["--output", str(output), "--seed", "3"]
    if task == "action":
        return [
            *("--preset", "camera_motion", "--end-to-end", "--export-to"),
            *(f"{output}_savedmodel", "--size", "32", "--variant", "released"),
            *("--num-segments", "2", "--test-segments", "2", "--batch-size", "5"),
            *("--clips-per-epoch", "24", "--evaluation-clips", "8"),
            *("--optimizer", "sgd", "--learning-rate", "0.003", "--off-epochs", "5"),
            *common,
        ]
    if task == "detection":
        objects = Path(root, "moving_objects")
        return [
            *("--preset", "moving_objects", "--data", str(objects)),
            *("--classes", str(objects / "classes.txt"), "--channels", "16"),
            *("--filters", "8", "--num-candidates", "40", "--num-proposals", "10"),
            *("--batch-size", "2", "--warm-up", "1", "--validation-frames", "1"),
            *("--optimizer", "sgd", "--clip-norm", "0.5", "--model", "off_single"),
            *("--epochs", "5", *common),
        ]
    return [
        *("--data", str(Path(root, "septuplets")), "--frame-height", "32"),
        *("--frame-width", "48", "--width", "4", "--depth", "4", "--tail-convs", "2"),
        *("--crop", "16", "--batch-size", "3", "--all-targets", "--tests", "test"),
        *("--learning-rate", "0.0003", "--epochs", "5", *common),
    ]


def run(task, root, output, options=()):
    """Trains in this process."""
    entry = backbones.Backbone(small_backbone, LEVELS)
    with mock.patch.dict(backbones.BACKBONES, bn_inception=entry):
        TASKS[task]([*arguments(task, root, output), *options])


def count_crops():
    """Prints at the end how many crops of septuplets were read to train on."""
    crops, load = [], septuplets.Septuplets._load_numpy

    def counted(self, index, corner, *, crop):
        crops.extend([index] if crop else [])
        return load(self, index, corner, crop=crop)

    septuplets.Septuplets._load_numpy = counted
    atexit.register(lambda: print(f"{len(crops)} crops were read"))


def start(root, runs, **environment):
    """Starts a process that trains; `runs` are (task, output, options)."""
    runs = [(task, str(output), list(options)) for task, output, options in runs]
    return subprocess.Popen(
        [sys.executable, __file__, str(root), json.dumps(runs)],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def last_checkpoint(output):
    """All arrays of the checkpoint that a run ended with."""
    arrays = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    (path,) = Path(output).rglob("last.weights.h5")
    with h5py.File(path) as file:
        file.visititems(keep)
    assert len(arrays) > 20
    return arrays


if __name__ == "__main__":
    count_crops()
    for task, output, options in json.loads(sys.argv[2]):
        run(task, sys.argv[1], output, options)
