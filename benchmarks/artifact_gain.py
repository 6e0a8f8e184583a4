"""What OFF adds to DnCNN: quality on a held-out scene and on another video.

    python -m benchmarks.artifact_gain --out benchmarks/artifact_gain.csv

Trains DnCNN and OFF on 1 (a control that sees no neighbour), 2 and 3 frames of the
embedded clips, at both qualities of the paper and with several seeds. All models of
a seed see the same crops in the same order. The settings were chosen on the split
`validation`, never on those that are reported. `psnr_alone` has every neighbour
replaced by the target frame: what is lost then came from the neighbours.

A model is two rows (one a split), written when it is done. A killed run goes on
after the last of them.
"""

import itertools
import json
import sys
import time
from pathlib import Path

import keras
import tensorflow as tf

from benchmarks.support import records
from offkeras import models
from offkeras.data import Stream
from offkeras.data.restoration import compression, septuplets
from offkeras.models.artifact_removal import target_index
from offkeras.training.prepare import compression as prepare_compression
from offkeras.training.restoration.evaluate import measure, no_restoration
from offkeras.training.restoration.train import make_optimizer

# === Options ===
MODELS = ("DnCNN", "OFF(1)", "OFF(2)", "OFF(3)")
QUALITIES = (20, 40)
SEEDS = (0, 1, 2)
SPLITS = ("test", "out_of_domain")
STEPS, BATCH, CROP, LEARNING_RATE, WARM_UP = 6000, 8, 48, 2e-3, 100
WIDTH, DEPTH = 16, 6

KEY = ("model", "quality", "seed", "width", "depth", "filters", "steps", "batch")
KEY = (*KEY, "crop", "learning_rate", "warm_up", "initialization")


def parse(arguments):
    """Command line options; an unknown one is an error."""
    parser = records.parser(__doc__)
    parser.add_argument(
        "--data", default="runs/compressed_clips", help="made if needed"
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--qualities", type=int, nargs="+", default=QUALITIES)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--splits", nargs="+", default=SPLITS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--crop", type=int, default=CROP)
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    parser.add_argument("--warm-up", type=int, default=WARM_UP, help="steps")
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--depth", type=int, default=DEPTH, help="of DnCNN")
    parser.add_argument("--filters", type=int, help="of the reduction; default: width")
    parser.add_argument("--initialization", choices=("he", "xavier"), default="he")
    return parser.parse_args(arguments)


def make_model(name, options):
    """A model whose trunk has the depth of DnCNN."""
    if name == "DnCNN":
        return models.DnCNN(
            depth=options.depth,
            width=options.width,
            initialization=options.initialization,
        )
    return models.OFFArtifactRemover(
        int(name[4]),
        width=options.width,
        filters=options.filters,
        tail_convs=options.depth - 3,
        initialization=options.initialization,
    )


def train(name, quality, seed, options):
    """Trains one model; returns it and the seconds it took."""
    keras.utils.set_random_seed(seed)
    model = make_model(name, options)
    num_frames = model.inputs[0].shape[1]
    clips = septuplets.Septuplets.open(
        options.data,
        degraded=compression.degraded_name("jpeg2000", quality),
        num_frames=num_frames,
        targets=(2, 3, 4, 5, 6),
        in_memory=True,
    )
    samples = options.steps * options.batch
    dataset = clips.train(
        Stream(seed=seed),
        batch_size=options.batch,
        crop=options.crop,
        crops_per_frame=-(-samples // len(clips)),
        outputs=model.output,
    )
    model.compile(
        make_optimizer(options.learning_rate, options.warm_up, options.steps),
        loss={"restored": "mean_squared_error"},
        jit_compile=False,  # XLA is slow on a CPU
    )
    start = time.perf_counter()
    model.fit(
        dataset,
        steps_per_epoch=options.steps,
        shuffle=False,  # the dataset is
        verbose=2,
    )
    return model, time.perf_counter() - start


def evaluate(model, quality, split, options):
    """Quality of the 4th frames of a split: columns of the table."""
    num_frames = model.inputs[0].shape[1]
    dataset = septuplets.Septuplets.open(
        options.data,
        degraded=compression.degraded_name("jpeg2000", quality),
        split=split,
        num_frames=num_frames,
    ).evaluate()

    def restore_alone(inputs):
        target = target_index(num_frames)
        alone = tf.repeat(inputs["frames"][:, target : target + 1], num_frames, axis=1)
        return model.predict_on_batch({"frames": alone})

    before = measure(no_restoration, dataset)
    after = measure(model.predict_on_batch, dataset)
    alone = measure(restore_alone, dataset)
    return {
        "clips": split,
        "psnr_compressed": f"{before['psnr']:.4f}",
        "psnr": f"{after['psnr']:.4f}",
        "gain": f"{after['psnr'] - before['psnr']:.4f}",
        "psnr_alone": f"{alone['psnr']:.4f}",
        "ssim_compressed": f"{before['ssim']:.5f}",
        "ssim": f"{after['ssim']:.5f}",
        "psnr_y_compressed": f"{before['psnr_y']:.4f}",
        "psnr_y": f"{after['psnr_y']:.4f}",
    }


def settings(name, quality, seed, options):
    """The columns that tell one model from another, as text."""
    values = {
        **vars(options),
        "model": name,
        "quality": quality,
        "seed": seed,
        "filters": options.filters or options.width,
    }
    return {column: str(values[column]) for column in KEY}


def finished(path):
    """Settings of the models that the file holds."""
    return [{column: row[column] for column in KEY} for row in records.read(path)]


def main(arguments):
    """Trains and measures what the file does not hold yet."""
    options = parse(arguments)
    made = ["--videos", "embedded", "--data", options.data]
    for quality in options.qualities:
        prepare_compression.main([*made, "--quality", str(quality)])
    done = finished(options.out)
    cases = itertools.product(options.seeds, options.qualities, options.models)
    for seed, quality, name in cases:
        case = settings(name, quality, seed, options)
        if case in done:
            continue
        model, seconds = train(name, quality, seed, options)
        degraded = compression.degraded_name("jpeg2000", quality)
        manifest = Path(options.data, degraded, "manifest.json")
        rows = [
            {
                **case,
                **evaluate(model, quality, split, options),
                "parameters": model.count_params(),
                "seconds": f"{seconds:.0f}",
                "ffmpeg": json.loads(manifest.read_text("utf-8"))["ffmpeg"],
                **records.environment("artifact_gain", arguments),
            }
            for split in options.splits
        ]
        records.write(options.out, rows)
        for row in rows:
            print(
                f"{name} q={quality} seed={seed} {row['clips']:14} "
                f"{row['psnr_compressed']} -> {row['psnr']} dB ({row['gain']}), "
                f"{row['psnr_alone']} without neighbours, {seconds:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
