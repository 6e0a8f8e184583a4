"""Tests a recognizer on UCF-101 or HMDB-51 as TSN does (section 4.3.1).

25 segments of every test video in ten views: the corners and the centre of the
frame, and their mirrors. The logits of all views and segments are averaged; those
of every output are stored with the names of the videos, for `offkeras evaluate
fusion`. What the recognizer was trained on is read from options.json beside it.
"""

import dataclasses
import json
import statistics
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from offkeras import models
from offkeras.inference.progress import counted, progress_bar
from offkeras.models.task import APPEARANCE, OFF_OUTPUTS
from offkeras.training import options
from offkeras.training.actions.data import open_prepared
from offkeras.training.actions.presets import Options as Training
from offkeras.training.actions.scores import Scores, accuracies
from offkeras.training.options import option

OUTPUTS = (APPEARANCE, *OFF_OUTPUTS)
PASSES = 5  # of one clip, timed after one that is not


@dataclasses.dataclass(frozen=True)
class Options:
    """All defaults: the protocol of TSN."""

    model: str = option("recognizer.keras", "a recognizer that training has saved")
    out: str = option("scores.npz", "file of scores to write")
    data: str = option("", "folder of the prepared videos; default: that of training")
    lists: str = option("", "folder of the lists; default: that of training")
    split: int = option(0, "official split; default, and only choice: that of training")
    subset: str = option(
        "test",
        "'validation': what training held out",
        choices=("test", "validation"),
    )
    segments: int = option(25, "segments of a video; fewer are further apart")
    crops: str = option(
        "mean", "over the ten views; 'max' as released", choices=("mean", "max")
    )
    views: int = option(10, "views in a forward pass; fewer take less memory")


def main(argv=None, *, prog=None):
    """Scores every video and stores the scores."""
    o = options.parse(Options, {}, __doc__, argv, prog)
    trained = read_training(o)
    videos = choose_videos(trained, o)
    with options.bad_input():
        recognizer = models.load_model(o.model)
    score = segment_scores(recognizer, OUTPUTS)

    dataset = videos.evaluate(
        batch_size=1,
        modality=trained.modality,
        num_segments=o.segments,
        total_segments=o.segments,
        size=trained.size,
        crops="ten",
        scheme=trained.scheme,
    )
    rows = []
    for frames, _ in counted(dataset, progress_bar(len(videos), unit="videos")):
        rows.append(reduce_views(score, frames[0], o))

    clip = frames[0, :1]  # (1, T, H, W, C)
    Scores(
        names=videos.names,
        labels=np.array(videos.labels),
        class_names=videos.class_names,
        outputs={name: np.stack([row[name] for row in rows]) for name in OUTPUTS},
        about={
            "dataset": trained.dataset,
            "split": trained.split,
            "subset": o.subset,
            "modality": trained.modality,
            "variant": trained.variant,
            "motion": trained.motion,
            "spatial": trained.spatial,
            "temporal": trained.temporal,
            "segments": o.segments,
            "crops": o.crops,
            "frames_per_second": {
                "appearance": frames_per_second(
                    segment_scores(recognizer, ("appearance",)), clip
                ),
                "all": frames_per_second(score, clip),
            },
            "device": device(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
    ).save(o.out)
    report(o.out)


def read_training(o):
    """Options of the training, with the paths of the data as they are now."""
    path = Path(o.model).with_name("options.json")
    if not path.is_file() or not Path(o.model).is_file():
        raise SystemExit(
            f"Expected a recognizer with its options.json at {o.model}: the output "
            "folder of `offkeras train actions`."
        )
    trained = Training(**json.loads(path.read_text("utf-8")))
    if o.split not in (0, trained.split):
        raise SystemExit(
            f"{o.model} was trained on split {trained.split}: another split tests on "
            f"videos of its training. Received: --split {o.split}."
        )
    return dataclasses.replace(
        trained, data=o.data or trained.data, lists=o.lists or trained.lists
    )


def choose_videos(trained, o):
    """The videos of the subset."""
    _, validation, test = open_prepared(trained)
    if o.subset == "test":
        return test
    if validation is None:
        raise SystemExit(
            "Expected --subset validation where training held videos out "
            f"(--validation-fraction). Received: {trained.validation_fraction}."
        )
    return validation


def segment_scores(recognizer, outputs):
    """Function from clips `(V, T, H, W, C)` to logits of each segment by output."""
    # SegmentConsensus follows these; the released protocol needs what it averages.
    logits = {name: recognizer.get_layer(f"{name}_unfold").output for name in outputs}
    model = keras.Model(recognizer.input, logits)

    @tf.function(
        autograph=False, jit_compile=bool(tf.config.list_logical_devices("GPU"))
    )
    def score(clips):
        return model({"frames": tf.cast(clips, tf.float32)}, training=False)

    return score


def reduce_views(score, views, o):
    """Logits of a video by output: over its views, then over its segments."""
    batches = [
        score(views[start : start + o.views])
        for start in range(0, views.shape[0], o.views)
    ]
    reduce = np.mean if o.crops == "mean" else np.max
    # (V, T, classes) -> (T, classes) -> (classes,)
    return {
        name: reduce(np.concatenate([batch[name] for batch in batches]), axis=0).mean(0)
        for name in batches[0]
    }


def frames_per_second(score, clip):
    """Segments per second of forward passes of one clip: their median time."""
    seconds = []
    for _ in range(PASSES + 1):
        start = time.perf_counter()
        tf.nest.map_structure(lambda logits: logits.numpy(), score(clip))
        seconds.append(time.perf_counter() - start)
    return clip.shape[1] / statistics.median(seconds[1:])


def device():
    """Name of the device the scores were computed on."""
    gpus = tf.config.list_physical_devices("GPU")
    first = (gpus or tf.config.list_physical_devices())[0]
    details = tf.config.experimental.get_device_details(first)
    return details.get("device_name", first.device_type)


def report(path):
    """Accuracy of every output of a file of scores."""
    scores = Scores.load(path)
    speed = scores.about["frames_per_second"]
    print(f"\n{path}: {len(scores.names)} videos, {speed['all']:.1f} frames per second")
    for name, logits in scores.outputs.items():
        overall, class_mean, _ = accuracies(logits, scores.labels)
        print(f"  {name:12} accuracy {overall:6.1%}  class-mean {class_mean:6.1%}")
