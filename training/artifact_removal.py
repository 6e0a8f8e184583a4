"""Trains DnCNN, with or without OFF, to remove compression artifacts.

# the embedded clips, a quarter of an hour on a CPU core
python -m training.artifact_removal --preset embedded
# clips of your own, cut and compressed by training.prepare_compression
python -m training.artifact_removal --preset small --data my_clips
# the paper's experiment (Vimeo-90K, compressed by training.prepare_compression)
python -m training.artifact_removal --preset paper --quality 40
"""

import csv
import dataclasses
from pathlib import Path

import keras
import tensorflow as tf

from offkeras import models
from offkeras.data import compression, septuplet_files, septuplets
from offkeras.metrics.image_quality import PSNR, SSIM
from offkeras.models.artifact_removal import ensemble, target_index
from training import cluster, distribution, options, prepare_compression, resume, run
from training.options import option


@dataclasses.dataclass(frozen=True)
class Options:
    """All defaults: section 7.3 of the paper where it says."""

    data: str = option("vimeo_septuplet", "'embedded', or a folder of septuplets")
    codec: str = option("jpeg2000", "codec of the compressed clips")
    quality: int = option(40, "quality of the compressed clips")
    output: str = option("runs/artifact_removal", "folder for checkpoints and logs")
    resume: bool = option(False, "go on where a killed run stopped")
    seed: int = option(0, "seed of every random choice")
    devices: str = option(
        "", "devices such as 'GPU:0,GPU:1' or 'CPU:0,CPU:1'; default: all GPUs"
    )
    precision: str = option("float32", "'float32', 'mixed_bfloat16' or 'mixed_float16'")
    deterministic: bool = option(False, "the same bits in every run, also on GPUs")
    # Model
    model: str = option("off", "'off' or 'dncnn'")
    num_frames: int = option(3, "frames that OFF sees: 3, 2, or 1 (a control)")
    width: int = option(64, "channels of the convolutions")
    depth: int = option(20, "convolutions of DnCNN")
    tail_convs: int = option(18, "convolutions after OFF; 17 for DnCNN's depth")
    initialization: str = option("he", "'he' or 'xavier'")
    # Data. The paper has whole frames, the 4th of each septuplet, not augmented.
    frame_height: int = option(256, "height that every frame must have; 0: any")
    frame_width: int = option(448, "width that every frame must have; 0: any")
    crop: int = option(0, "height and width of random crops; 0: whole frames")
    crops_per_frame: int = option(1, "how often an epoch visits a frame")
    augment: bool = option(False, "mirror, turn and reverse the crops")
    all_targets: bool = option(False, "train on frames 2..6 and not on the 4th only")
    in_memory: bool = option(False, "keep decoded frames, for small sets")
    train: str = option("train", "list to train on: sep_<train>list.txt")
    validation: str = option("test", "list to validate on")
    validation_clips: int = option(200, "clips of it, the first ones")
    tests: str = option("test", "lists to test on at the end, comma separated")
    ensemble: bool = option(False, "test with flips, turns and temporal reversal")
    # Optimisation
    batch_size: int = option(28, "samples of a step, over all devices")
    epochs: int = option(50, "epochs")
    learning_rate: float = option(5e-4, "of Adam, decayed to 0 by a cosine")
    warm_up: int = option(0, "first steps, in which the learning rate rises from 0")
    jit_compile: bool = option(False, "compile by XLA, slow on a CPU")


# For a CPU and little data.
SMALL = dict(
    width=16,
    depth=6,
    tail_convs=3,
    frame_height=0,  # clips of different size
    frame_width=0,
    crop=48,
    crops_per_frame=4,
    augment=True,
    all_targets=True,
    in_memory=True,
    batch_size=8,
    epochs=32,
    learning_rate=2e-3,
    warm_up=100,
)
PRESETS = {
    # Section 7.3. Xavier needs hundreds of steps to leave its plateau.
    "paper": dict(
        data="vimeo_septuplet",
        output="runs/artifact_removal_paper",
        initialization="xavier",
    ),
    "small": dict(SMALL, output="runs/artifact_removal_small"),
    "embedded": dict(
        SMALL,
        data="embedded",
        output="runs/artifact_removal_embedded",
        train="train_sizes",
        validation="validation",
        tests="test,out_of_domain",
    ),
}
EMBEDDED_ROOT = "runs/compressed_clips"


def main(argv=None):
    """Trains, tests and saves the model."""
    o = options.parse(Options, PRESETS, description=__doc__.splitlines()[0], argv=argv)
    options.at_least(o, epochs=1)
    with run.start(o) as (o, output, strategy):
        if o.data == "embedded":
            with cluster.chief_first(strategy):
                o = dataclasses.replace(o, data=embedded_clips(o))
        with strategy.scope():
            model = make_model(o)
        fit(model, o, strategy)
        model.save(output / "model.keras")
        test(model, o)


@options.bad_input()
def make_model(o):
    """The network that the options name."""
    if o.model == "dncnn":
        return models.DnCNN(
            depth=o.depth, width=o.width, initialization=o.initialization
        )
    if o.model != "off":
        raise SystemExit(f"Expected --model to be 'off' or 'dncnn'. Found: {o.model}.")
    return models.OFFArtifactRemover(
        o.num_frames,
        width=o.width,
        tail_convs=o.tail_convs,
        initialization=o.initialization,
    )


def embedded_clips(o):
    """Makes the embedded clips, or what is missing of them; returns their folder."""
    prepare_compression.main(
        ["--videos", "embedded", "--data", EMBEDDED_ROOT]
        + ["--codec", o.codec, "--quality", str(o.quality)]
    )
    return EMBEDDED_ROOT


@options.bad_input()
def load(split, num_frames, o, **how):
    """The clips of a list, their files checked."""
    size = (o.frame_height, o.frame_width)
    return septuplets.Septuplets(
        o.data,
        degraded=compression.degraded_name(o.codec, o.quality),
        split=split,
        num_frames=num_frames,
        size=size if all(size) else None,
        **how,
    )


def fit(model, o, strategy):
    """Trains, from the last checkpoint if there is one."""
    output, num_frames = Path(o.output), model.inputs[0].shape[1]
    targets = tuple(range(2, 7)) if o.all_targets else (septuplet_files.MIDDLE,)
    clips = load(o.train, num_frames, o, targets=targets, in_memory=o.in_memory)
    validation = load(o.validation, num_frames, o).evaluation_dataset()
    crops = dict(batch_size=o.batch_size, crops_per_frame=o.crops_per_frame)
    steps_per_epoch = clips.steps_per_epoch(**crops)
    if o.jit_compile and strategy.num_replicas_in_sync > 1:
        raise SystemExit("Expected --jit-compile on one device only.")
    trainer = distribution.replicated(model, strategy)
    checkpoint = resume.Checkpoint(output / "last.weights.h5")
    with strategy.scope():
        trainer.compile(
            make_optimizer(o.learning_rate, o.warm_up, o.epochs * steps_per_epoch),
            # DnCNN halves the sum: for Adam the scale of the loss does not matter.
            loss={"restored": "mean_squared_error"},
            jit_compile=o.jit_compile,
        )
        done = checkpoint.restore(trainer)
    log = resume.trim_log(output / "log.csv", done)
    if done == o.epochs:
        return
    train = clips.train_dataset(
        crop=o.crop or None,
        seed=o.seed,
        initial_epoch=done,
        epochs=o.epochs,
        augment=o.augment,
        part=distribution.part_of_batch(o.batch_size, strategy),
        **crops,
    )
    trainer.fit(
        train.map(lambda frames, target: ({"frames": frames}, {"restored": target})),
        initial_epoch=done,
        epochs=o.epochs,
        steps_per_epoch=steps_per_epoch,
        shuffle=False,  # the dataset is
        callbacks=[
            Validation(
                model, validation.take(o.validation_clips), output / "tensorboard"
            ),
            keras.callbacks.ModelCheckpoint(
                output / "best.weights.h5",
                monitor="val_psnr",
                mode="max",
                save_best_only=True,
                save_weights_only=True,
                initial_value_threshold=max(
                    (float(row["val_psnr"]) for row in log), default=None
                ),
            ),
            keras.callbacks.TensorBoard(output / "tensorboard", write_graph=False),
            keras.callbacks.CSVLogger(output / "log.csv", append=True),
            checkpoint,
        ],
    )


def make_optimizer(learning_rate, warm_up, steps):
    """Adam with a cosine to 0, after a linear rise if there is one.

    A last convolution that starts at zero gets the same sign of gradient
    everywhere: without a rise, the first steps of Adam at 0.001 and more throw
    the output far off and the features of OFF may never recover.

    Args:
        learning_rate: the largest one.
        warm_up: steps of the rise.
        steps: all steps, those of the rise among them.
    """
    if not 0 <= warm_up < steps:
        raise SystemExit(
            f"Expected --warm-up in 0..{steps - 1}, of {steps} steps. Found: {warm_up}."
        )
    if not warm_up:
        schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    else:
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0, steps - warm_up, warmup_target=learning_rate, warmup_steps=warm_up
        )
    return keras.optimizers.Adam(schedule)


class Validation(keras.callbacks.Callback):
    """Quality on whole frames after every epoch, and pictures for TensorBoard.

    Args:
        model: the network that is trained.
        dataset: batches of `(frames, target)`.
        folder: where the pictures go: compressed, restored, clean.
    """

    def __init__(self, model, dataset, folder):
        super().__init__()
        self.restore = distribution.forward(model)
        self.dataset = dataset
        self.writer = tf.summary.create_file_writer(str(folder / "validation"))

    def on_epoch_end(self, epoch, logs=None):
        """Adds `val_psnr` and `val_ssim` to the logs."""
        quality = measure(self.restore, self.dataset)
        logs["val_psnr"], logs["val_ssim"] = quality["psnr"], quality["ssim"]
        frames, target = next(iter(self.dataset))
        compressed = frames[:, target_index(frames.shape[1])]
        restored = self.restore({"frames": frames})["restored"]
        restored = tf.cast(tf.clip_by_value(tf.round(restored), 0, 255), tf.uint8)
        with self.writer.as_default(step=epoch):
            row = tf.concat([compressed, restored, target], axis=2)
            tf.summary.image("compressed | restored | clean", row)
            for name, value in quality.items():
                tf.summary.scalar(f"validation_{name}", value)


def measure(restore, dataset):
    """Mean quality over the images of a dataset.

    Args:
        restore: function from `{"frames"}` to `{"restored"}`.
        dataset: batches of `(frames, target)`.

    Returns:
        `psnr` and `psnr_y` in dB, `ssim` and `ssim_y`.
    """
    measures = [PSNR(), SSIM(), PSNR("y", name="psnr_y"), SSIM("y", name="ssim_y")]
    for frames, target in dataset:
        restored = restore({"frames": frames})["restored"]
        for metric in measures:
            metric.update_state(target, restored)
    return {metric.name: float(metric.result()) for metric in measures}


def no_restoration(inputs):
    """The compressed target frame as it is."""
    frames = inputs["frames"]
    return {"restored": frames[:, target_index(frames.shape[1])]}


def test(model, o):
    """Quality of the compressed and of the restored 4th frames, as a table."""
    rows, restore = [], distribution.forward(model)
    for split in o.tests.split(","):
        dataset = load(split, model.inputs[0].shape[1], o).evaluation_dataset()
        restorers = {"compressed": no_restoration, "restored": restore}
        if o.ensemble:
            restorers["ensemble"] = lambda inputs: ensemble(model, inputs)
        for name, restore in restorers.items():
            quality = measure(restore, dataset)
            rows.append({"clips": split, "frames": name, **quality})
            values = "  ".join(f"{key} {value:.4f}" for key, value in quality.items())
            print(f"{split:16}{name:12}{values}")
    with open(Path(o.output, "results.csv"), "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
