"""Speed of a training step of the recognizer, beside the same network in PyTorch.

    python -m benchmarks.training

`VideoClassifier` on EfficientNet-Lite0, with the backbone fixed and end to end, on
random frames; the same layers, losses and optimizer in PyTorch, channels last, in a
process beside; and the pipeline that would feed them, from compressed videos. A step
of every case makes a round, and a matrix product comes before every step, so that
noise hits all alike. Rows of another TensorFlow version stay in the file.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import offkeras
from benchmarks.support import records, timing, windows
from benchmarks.support.torch_worker import TorchWorker
from offkeras import data
from offkeras.data.synthetic.moving_windows import MOTIONS
from offkeras.models import features
from offkeras.tasks import video_classifier

SIZE, SEGMENTS, NUM_CLASSES = 112, 6, 5
NUMBERS = (("batch", 8), ("rounds", 9), ("warm-up", 3))
TRAININGS = ("heads", "end_to_end")
VIDEOS = 4  # of each class, for the pipeline
LINE = (
    "{training:11} {framework:6} {clips_per_second:>6} clips/s "
    "{ratio_to_matmul} of matmul; {ratio_to_torch} of PyTorch; "
    "pipeline {pipeline_clips_per_second} clips/s"
)


class KerasCase:
    """A step of `fit`."""

    framework = "keras"

    def __init__(self, training, batch):
        self.training = training
        self.classifier = offkeras.VideoClassifier(
            "efficientnet_lite0", NUM_CLASSES, num_segments=SEGMENTS, training=training
        )
        rng = np.random.default_rng(0)
        shape = (batch, SEGMENTS, SIZE, SIZE, 3)
        self.frames = rng.uniform(0, 255, shape).astype("float32")
        self.labels = rng.integers(NUM_CLASSES, size=batch)
        self.gflop = self.count_gflop(batch)

    def count_gflop(self, batch):
        """Operations of a step: a gradient costs twice what its forward pass does."""
        extract, heads = features.split(self.classifier.recognizer)

        def gflop(model):
            def shape(_, shape):
                return (batch, *shape[1:])

            return timing.ModelCase("", model, shape).gflop

        backward = 3 if self.training == "end_to_end" else 1
        return backward * gflop(extract) + 3 * gflop(heads)

    def seconds(self):
        """Time of one step."""
        start = time.perf_counter()
        self.classifier.train_on_batch(self.frames, self.labels)
        return time.perf_counter() - start


class TorchCase:
    """A step of the same network in PyTorch."""

    framework = "torch"

    def __init__(self, worker, case):
        self.worker, self.training, self.gflop = worker, case.training, case.gflop

    def seconds(self):
        """Time of one step."""
        return self.worker.ask(self.training)


def start_torch(cases, batch):
    """The process of PyTorch, and its cases."""
    if not TorchWorker.is_there():
        return None, []
    worker = TorchWorker(
        "benchmarks.training.torch_step",
        *(batch, SEGMENTS, SIZE, NUM_CLASSES),
        *(video_classifier.FILTERS, video_classifier.REFINEMENT_FILTERS[0]),
    )
    recognizer = cases[0].classifier.recognizer
    # PyTorch does not count the statistics of batch normalisation as weights.
    weights = sum(
        int(np.prod(weight.shape))
        for weight in recognizer.weights
        if "moving_" not in weight.path and "seed" not in weight.path
    )
    if weights != worker.about["weights"]:
        raise RuntimeError(
            f"Expected the same network in both. Received: {weights} weights in Keras, "
            f"{worker.about['weights']} in PyTorch."
        )
    return worker, [TorchCase(worker, case) for case in cases]


def pipeline_speed(batch):
    """Clips per second of `video_dataset_from_directory`, with every core at it."""
    motions = dict(list(MOTIONS.items())[:NUM_CLASSES])
    with tempfile.TemporaryDirectory() as folder:
        windows.write_clips(Path(folder), [windows.TEST], motions, VIDEOS, "training")
        videos = data.video_dataset_from_directory(
            folder, batch_size=batch, num_segments=SEGMENTS, image_size=(SIZE, SIZE)
        )
        count = 10
        return count * batch / timing.seconds_of_batches(videos.repeat(), count)


def main(arguments):
    """Measures and writes the table."""
    default = Path(__file__).parent.with_suffix(".csv")
    options = records.parser(__doc__, numbers=NUMBERS, default=default)
    o = options.parse_args(arguments)
    cases = [KerasCase(training, o.batch) for training in TRAININGS]
    worker, of_torch = start_torch(cases, o.batch)
    medians = timing.measure([*cases, *of_torch], o.rounds, o.warm_up)
    if worker:
        worker.close()
    pipeline = pipeline_speed(o.batch)
    torch_seconds = {case.training: medians[case][0] for case in of_torch}
    rows = []
    for case, (seconds, product) in medians.items():
        ratio = torch_seconds.get(case.training, float("nan")) / seconds
        rows.append(
            {
                "training": case.training,
                "framework": case.framework,
                "size": SIZE,
                "segments": SEGMENTS,
                "batch": o.batch,
                "ms_per_step": f"{1000 * seconds:.1f}",
                "clips_per_second": f"{o.batch / seconds:.1f}",
                "ratio_to_torch": f"{ratio:.2f}" if worker else "",
                "pipeline_clips_per_second": f"{pipeline:.1f}",
                "gflop_per_step": f"{case.gflop:.2f}",
                **timing.rates(case.gflop, seconds, product),
                **records.environment("training", arguments),
                "torch": worker.about["version"] if worker else "",
            }
        )
    records.report(o.out, rows, LINE)


if __name__ == "__main__":
    main(sys.argv[1:])
