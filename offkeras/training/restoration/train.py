"""Trains DnCNN, with or without OFF, to remove compression artifacts.

# the embedded clips, a quarter of an hour on a CPU core
offkeras train restoration --preset embedded
# clips of your own, cut and compressed by `offkeras prepare compression`
offkeras train restoration --preset small --data my_clips
"""

import dataclasses
import functools
from pathlib import Path

import keras
import tensorflow as tf

from offkeras import models
from offkeras.data.restoration import septuplet_files
from offkeras.models.artifact_removal import target_index
from offkeras.storage.writing import written_whole
from offkeras.training import loop, optimizers, options, run
from offkeras.training.options import RunOptions, option
from offkeras.training.replicas import devices as distribution
from offkeras.training.replicas import machines as cluster
from offkeras.training.restoration.evaluate import (
    ClipOptions,
    embedded_clips,
    evaluate,
    load,
    measure,
)


@dataclasses.dataclass(frozen=True)
class Options(RunOptions, ClipOptions):
    """All defaults: section 7.3 of the paper where it says."""

    output: str = option("runs/artifact_removal", "folder for checkpoints and logs")
    # Model
    model: str = option("off", "with OFF or without", choices=("off", "dncnn"))
    num_frames: int = option(
        3, "frames that OFF sees; 1 is a control", choices=(1, 2, 3)
    )
    width: int = option(64, "channels of the convolutions")
    depth: int = option(20, "convolutions of DnCNN")
    tail_convs: int = option(18, "convolutions after OFF; 17 for DnCNN's depth")
    initialization: str = option("he", "of kernels", choices=("he", "xavier"))
    # Data. The paper has whole frames, the 4th of each septuplet, not augmented.
    frame_height: int = option(256, "height that every frame must have; 0: any")
    frame_width: int = option(448, "width that every frame must have; 0: any")
    crop: int = option(0, "height and width of random crops; 0: whole frames")
    crops_per_frame: int = option(1, "how often an epoch visits a frame")
    augment: bool = option(False, "mirror, turn and reverse the crops")
    all_targets: bool = option(False, "train on frames 2..6 and not on the 4th only")
    in_memory: bool = option(False, "keep decoded frames, for small sets")
    train: tuple = option(
        ("train",), "one or more lists to train on: sep_<train>list.txt"
    )
    validation: str = option("test", "list to validate on")
    validation_clips: int = option(200, "clips of it, the first ones")
    # Optimisation
    batch_size: int = option(28, "samples of a step, over all devices", least=1)
    epochs: int = option(50, "epochs", least=1)
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
        train=("train_sizes",),
        validation="validation",
        tests=("test", "out_of_domain"),
    ),
}


def main(argv=None, *, prog=None):
    """Trains, tests and saves the model."""
    o = options.parse(Options, PRESETS, __doc__, argv, prog)
    with run.start(o) as (o, output, strategy):
        if o.data == "embedded":
            with cluster.chief_first(strategy):
                o = embedded_clips(o)
        with strategy.scope():
            model = make_model(o)
        fit(model, o, strategy)
        with written_whole(output / "model.keras") as temporary:
            model.save(temporary)
        evaluate(model, o, output / "results.csv")


@options.bad_input()
def make_model(o):
    """The network that the options name."""
    if o.model == "dncnn":
        return models.DnCNN(
            depth=o.depth, width=o.width, initialization=o.initialization
        )
    return models.OFFArtifactRemover(
        o.num_frames,
        width=o.width,
        tail_convs=o.tail_convs,
        initialization=o.initialization,
    )


def fit(model, o, strategy):
    """Trains, from the last checkpoint if there is one."""
    output, num_frames = Path(o.output), model.inputs[0].shape[1]
    targets = tuple(range(2, 7)) if o.all_targets else (septuplet_files.MIDDLE,)
    clips = load(o.train, num_frames, o, targets=targets, in_memory=o.in_memory)
    held_out = load(o.validation, num_frames, o)
    run.agree_on_data(
        output,
        (
            (f"{name}/{degraded}/{clip}/{target}", 1)
            for name, part in (("train", clips), ("validation", held_out))
            for degraded, clip, target in part.samples
        ),
    )
    validation = held_out.evaluate()
    crops = dict(batch_size=o.batch_size, crops_per_frame=o.crops_per_frame)
    steps_per_epoch = clips.steps_per_epoch(**crops)
    if o.jit_compile and strategy.num_replicas_in_sync > 1:
        raise SystemExit("Expected --jit-compile on one device only.")
    loop.fit(
        model,
        lambda stream: clips.train(
            stream,
            crop=o.crop or None,
            augment=o.augment,
            outputs=model.output,
            **crops,
        ),
        o,
        strategy,
        folder=Path(o.output),
        compiled=lambda: dict(
            optimizer=make_optimizer(
                o.learning_rate, o.warm_up, o.epochs * steps_per_epoch
            ),
            # DnCNN halves the sum: for Adam the scale of the loss does not matter.
            loss={"restored": "mean_squared_error"},
            jit_compile=o.jit_compile,
        ),
        epochs=o.epochs,
        steps_per_epoch=steps_per_epoch,
        measure=functools.partial(
            validate,
            distribution.forward(model),
            validation.take(o.validation_clips),
        ),
        monitor="val_psnr",
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
    optimizers.check_warm_up(warm_up, steps)
    return keras.optimizers.Adam(optimizers.cosine(learning_rate, steps, warm_up))


def validate(restore, dataset):
    """`val_psnr` and `val_ssim` of whole frames; pictures go to TensorBoard."""
    quality = measure(restore, dataset)
    for name, value in quality.items():
        tf.summary.scalar(f"validation_{name}", value)
    frames, target = next(iter(dataset))
    compressed = frames[:, target_index(frames.shape[1])]
    restored = restore({"frames": frames})["restored"]
    restored = tf.cast(tf.clip_by_value(tf.round(restored), 0, 255), tf.uint8)
    row = tf.concat([compressed, restored, target], axis=2)
    tf.summary.image("compressed | restored | clean", row)
    return {f"val_{name}": quality[name] for name in ("psnr", "ssim")}
