"""Speed of action recognition: whole forward passes, next to the machine's peak.

    python -m benchmarks.action_recognition --out benchmarks/action_recognition.csv

Measures the appearance stream alone (TSN) and with OFF in both variants, each as
a plain `tf.function` and as a frozen graph; and BN-Inception in PyTorch, where
it is installed, in a process beside. A pass of every case makes a round, and a
matrix product comes before every pass, so that noise hits all alike. Rows of
another TensorFlow version stay in the file; rows of this one are replaced.
"""

import sys

from benchmarks.support import records, timing
from benchmarks.support.torch_worker import TorchWorker
from offkeras import models

# === Options ===
SIZE = 224
SEGMENTS = (7, 25)
BATCHES = (1, 8)
GRAPHS = ("plain", "frozen")
NUMBERS = (("rounds", 7), ("warm-up", 2))
NUM_CLASSES = 101

MODELS = {
    "appearance": models.TSN,
    "appearance + OFF (paper)": models.OFFActionRecognizer,
    "appearance + OFF (released)": lambda *args, **options: models.OFFActionRecognizer(
        *args, variant="released", **options
    ),
}
LINE = (
    "{model:28} {framework:5} {graph:6} {segments:>2}x{batch} "
    "{frames_per_second:>7} fps {ratio_to_matmul} of matmul "
    "{ratio_to_appearance} of TSN"
)


def parse(arguments):
    """Command line options; an unknown one is an error."""
    parser = records.parser(__doc__, numbers=NUMBERS)
    parser.add_argument("--segments", type=int, nargs="+", default=SEGMENTS)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--graphs", nargs="+", choices=GRAPHS, default=GRAPHS)
    return parser.parse_args(arguments)


# === The cases ===


def keras_case(name, model, graph, segments, batch):
    """A model at one shape, as a plain or a frozen graph."""
    return timing.ModelCase(
        name,
        model,
        lambda _, shape: (batch, segments, *shape[2:]),
        frozen=graph == "frozen",
        framework="keras",
        graph=graph,
        segments=segments,
        batch=batch,
    )


class TorchCase:
    """BN-Inception in PyTorch on the frames of a case of Keras."""

    def __init__(self, worker, case):
        self.worker, self.name, self.gflop = worker, case.name, case.gflop
        self.columns = {**case.columns, "framework": "torch"}

    def seconds(self):
        """Time of one forward pass."""
        graph, frames = self.columns["graph"], frames_of(self)
        return self.worker.ask({"graph": graph, "frames": frames})


def frames_of(case):
    """Frames of one forward pass."""
    return case.columns["segments"] * case.columns["batch"]


def keras_cases(options):
    """All models, shapes and graphs."""
    return [
        keras_case(name, model, graph, segments, batch)
        for name, make in MODELS.items()
        for model in [make(NUM_CLASSES, num_segments=None)]
        for segments in options.segments
        for batch in options.batches
        for graph in options.graphs
    ]


# === Measuring ===


def table(medians, environment):
    """Rows of the CSV file."""
    speeds = {case: frames_of(case) / seconds for case, (seconds, _) in medians.items()}

    def group(case):
        return [case.columns[name] for name in ("graph", "segments", "batch")]

    def reference(case):
        """Speed of Keras's own appearance stream as the same kind of graph."""
        return next(
            speed
            for other, speed in speeds.items()
            if (other.name, other.columns["framework"]) == ("appearance", "keras")
            and group(other) == group(case)
        )

    return [
        {
            "model": case.name,
            "size": SIZE,
            "frames_per_second": f"{speeds[case]:.1f}",
            "gflops_per_frame": f"{case.gflop / frames_of(case):.3f}",
            **timing.rates(case.gflop, seconds, product),
            "ratio_to_appearance": f"{speeds[case] / reference(case):.3f}",
            **case.columns,
            **environment,
        }
        for case, (seconds, product) in medians.items()
    ]


def main(arguments):
    """Measures and writes the table."""
    options = parse(arguments)
    cases = keras_cases(options)
    environment = records.environment("action_recognition", arguments)
    worker = None
    if TorchWorker.is_there():
        worker = TorchWorker(
            "benchmarks.action_recognition.torch_forward", SIZE, NUM_CLASSES
        )
        cases += [TorchCase(worker, c) for c in cases if c.name == "appearance"]
    medians = timing.measure(cases, options.rounds, options.warm_up)
    if worker:
        worker.close()
    environment["torch"] = worker.about["version"] if worker else ""
    rows = table(medians, environment)
    records.report(options.out, rows, LINE)


if __name__ == "__main__":
    main(sys.argv[1:])
