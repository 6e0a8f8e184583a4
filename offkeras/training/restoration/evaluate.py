"""Measures what a restorer gains on compressed clips, in PSNR and SSIM.

offkeras evaluate restoration --model runs/artifact_removal_small --data my_clips
"""

import dataclasses
import itertools

from offkeras import inference
from offkeras.data.restoration import compression, septuplets
from offkeras.metrics.image_quality import PSNR, SSIM
from offkeras.models.artifact_removal import ensemble, target_index
from offkeras.training import options
from offkeras.training.options import option
from offkeras.training.prepare import compression as prepare_compression
from offkeras.training.replicas import devices as distribution
from offkeras.training.tables import write_table

EMBEDDED_ROOT = "runs/compressed_clips"


@dataclasses.dataclass(frozen=True)
class ClipOptions:
    """The clips that a restorer is trained and measured on."""

    data: str = option("vimeo_septuplet", "'embedded', or a folder of septuplets")
    codec: str = option("jpeg2000", "codec of the compressed clips")
    quality: tuple = option((40,), "one or more qualities of the compressed clips")
    frame_height: int = option(0, "height that every frame must have; 0: any")
    frame_width: int = option(0, "width that every frame must have; 0: any")
    tests: tuple = option(("test",), "one or more lists to test on")
    ensemble: bool = option(False, "test with flips, turns and temporal reversal")


@dataclasses.dataclass(frozen=True)
class Options(ClipOptions):
    """All defaults: section 7.3 of the paper."""

    model: str = option(
        "runs/artifact_removal", "output folder of a training, name or .keras file"
    )
    out: str = option("results.csv", "table to write")


@options.bad_input()
def main(argv=None, *, prog=None):
    """Measures the compressed and the restored frames of every list."""
    o = options.parse(Options, {}, __doc__, argv, prog)
    model = inference.trained_model(o.model, "model").load()
    if o.data == "embedded":
        o = embedded_clips(o)
    evaluate(model, o, o.out)


def embedded_clips(o):
    """Makes the embedded clips, or what is missing of them; where they are."""
    prepare_compression.main(
        ["--videos", "embedded", "--data", EMBEDDED_ROOT]
        + ["--codec", o.codec, "--quality", *map(str, o.quality)]
    )
    return dataclasses.replace(o, data=EMBEDDED_ROOT)


@options.bad_input()
def load(split, num_frames, o, **how):
    """The clips of a list or of several, their files checked."""
    size = (o.frame_height, o.frame_width)
    return septuplets.Septuplets.open(
        o.data,
        degraded=[compression.degraded_name(o.codec, q) for q in o.quality],
        split=split,
        num_frames=num_frames,
        size=size if all(size) else None,
        **how,
    )


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


def evaluate(model, o, path):
    """Quality of the compressed and of the restored 4th frames, as a table."""
    restorers = {"compressed": no_restoration, "restored": distribution.forward(model)}
    if o.ensemble:
        restorers["ensemble"] = lambda inputs: ensemble(model, inputs)
    rows = []
    for split, quality in itertools.product(o.tests, o.quality):
        one = dataclasses.replace(o, quality=(quality,))
        dataset = load(split, model.inputs[0].shape[1], one).evaluate()
        for name, restorer in restorers.items():
            measured = measure(restorer, dataset)
            rows.append(
                {"clips": split, "quality": quality, "frames": name, **measured}
            )
            values = "  ".join(f"{key} {value:.4f}" for key, value in measured.items())
            print(f"{split:16}{quality:<4}{name:12}{values}")
    write_table(path, rows)
