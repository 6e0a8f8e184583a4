"""Few clips of a class: what pretrained weights are worth.

    python -m benchmarks.few_shot

Five motions that no shipped model was trained on, of windows over real footage: four
diagonal ones and a zoom that rolls. Training clips are cut from two videos, test clips
from a third. `offkeras train` with its defaults is given 4, 8 and 14 clips of a class,
from ImageNet weights alone (`--init ""`) and from the model that it begins with by
default; a network of the same kind learns from nothing. Each run is a row of the CSV;
runs that have a row are not run again.
"""

import shutil
import tempfile
from pathlib import Path

import keras

import offkeras
from benchmarks.support import records, windows
from offkeras import backbones, data, inference
from offkeras.training.folder import train
from offkeras.training.prepare.camera_motion import SAMPLES

MOTIONS = {
    "up_left": {"x": -1, "y": -1},
    "up_right": {"x": 1, "y": -1},
    "down_left": {"x": -1, "y": 1},
    "down_right": {"x": 1, "y": 1},
    "screw": {"zoom": -1, "angle": 1},
}
COUNTS, SEEDS, TESTS = (4, 8, 14), (0, 1, 2), 20
# Options of `offkeras train`; None: not by it.
STARTS = {"nothing": None, "ImageNet": ["--init", ""], "motion": []}


def write_clips(folder, videos, count, seed):
    """Class folders of clips of some of the sample videos."""
    return windows.write_clips(folder, videos, MOTIONS, count, f"few shot {seed}")


def train_folder(folder, output, options, seed):
    """A recognizer of `offkeras train`."""
    arguments = ["--data", str(folder), "--output", str(output), "--seed", str(seed)]
    train.main([*arguments, *options])
    return inference.trained_model(str(output)).load()


def train_from_nothing(folder, seed):
    """The same network, backbone included, from random weights, for as many epochs."""
    keras.utils.set_random_seed(seed)
    classifier = offkeras.VideoClassifier(
        backbones.create("efficientnet_lite0", input_shape=(112, 112, 3)),
        num_segments=None,
        class_names=sorted(MOTIONS),
        training="end_to_end",
    )
    videos = data.video_dataset_from_directory(folder, batch_size=8, seed=seed)
    epochs = train.Options.views * train.Options.epochs
    classifier.fit(videos, epochs=epochs, verbose=2)
    return classifier.recognizer


def main(argv=None):
    """Runs what is missing in the CSV and prints the means."""
    parser = records.parser(__doc__, default=Path(__file__).parent.with_suffix(".csv"))
    parser.add_argument("--starts", nargs="+", choices=STARTS, default=[*STARTS])
    parser.add_argument("--counts", nargs="+", type=int, default=COUNTS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    args = parser.parse_args(argv)
    done = {(r["start"], r["clips"], r["seed"]) for r in records.read(args.out)}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        tests = write_clips(folder / "test", [windows.TEST], TESTS, "test")
        for seed in args.seeds:
            for count in args.counts:
                clips = folder / f"train_{seed}_{count}"
                for start in args.starts:
                    if (start, str(count), str(seed)) in done:
                        continue
                    if not clips.exists():
                        write_clips(clips, SAMPLES, count, seed)
                    options = STARTS[start]
                    recognizer = (
                        train_from_nothing(clips, seed)
                        if options is None
                        else train_folder(clips, folder / "run", options, seed)
                    )
                    shutil.rmtree(folder / "run", ignore_errors=True)
                    row = {"start": start, "clips": count, "seed": seed}
                    row |= windows.accuracies(recognizer, tests)
                    records.write(args.out, [{**row, **records.environment()}])
    rows = records.read(args.out)
    for count in args.counts:
        print(f"{count} clips of a class")
        chosen = [row for row in rows if row["clips"] == str(count)]
        records.print_ranges(chosen, "start", ("appearance", "off_3", "fused"))


if __name__ == "__main__":
    main()
