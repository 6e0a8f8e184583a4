"""Speed of action recognition: whole forward passes, next to the machine's peak.

    python -m benchmarks.action_recognition --out benchmarks/action_recognition.csv

Measures the appearance stream alone (TSN) and with OFF in both variants, each as
a plain `tf.function` and as a frozen graph; and BN-Inception in PyTorch, where
it is installed, in a process beside. A pass of every case makes a round, and a
matrix product comes before every pass, so that noise hits all alike. Rows of
another TensorFlow version stay in the file; rows of this one are replaced.
"""

import argparse
import datetime
import importlib.util
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from benchmarks import records
from offkeras import models

# === Options ===
SIZE = 224
SEGMENTS = (7, 25)
BATCHES = (1, 8)
GRAPHS = ("plain", "frozen")
ROUNDS = 7
WARM_UP = 2
NUM_CLASSES = 101
MATMUL = 2048  # side of the square float32 matrices

MODELS = {
    "appearance": models.TSN,
    "appearance + OFF (paper)": models.OFFActionRecognizer,
    "appearance + OFF (released)": lambda *args, **options: models.OFFActionRecognizer(
        *args, variant="released", **options
    ),
}
COLUMNS = (
    *("model", "framework", "graph", "tensorflow", "keras", "torch", "device"),
    *("size", "segments", "batch", "frames_per_second", "gflops_per_frame", "gflops"),
    *("matmul_gflops", "ratio_to_matmul", "ratio_to_appearance", "date", "command"),
)


def parse(arguments):
    """Command line options; an unknown one is an error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="CSV file")
    parser.add_argument("--segments", type=int, nargs="+", default=SEGMENTS)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--graphs", nargs="+", choices=GRAPHS, default=GRAPHS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--warm-up", type=int, default=WARM_UP)
    return parser.parse_args(arguments)


# === The cases ===


class KerasCase:
    """A model at one shape, as a plain or a frozen graph."""

    framework = "keras"

    def __init__(self, name, model, function, graph, segments, batch):
        self.name, self.graph = name, graph
        self.segments, self.batch = segments, batch
        self.gflops_per_frame = count_flops(function) / (segments * batch) / 1e9
        # The plain function reads the model's variables: keep the model alive.
        self.model = model
        if graph == "frozen":
            function = convert_variables_to_constants_v2(function)
        self.function = function
        shape = (batch, segments, *model.input["frames"].shape[2:])
        self.frames = tf.constant(
            np.random.default_rng(0).uniform(0, 255, shape), "float32"
        )

    def seconds(self):
        """Time of one forward pass."""
        start = time.perf_counter()
        tf.nest.map_structure(lambda scores: scores.numpy(), self.function(self.frames))
        return time.perf_counter() - start


class TorchCase:
    """BN-Inception in PyTorch on the same number of frames."""

    framework, name = "torch", "appearance"

    def __init__(self, worker, gflops_per_frame, graph, segments, batch):
        self.worker, self.gflops_per_frame = worker, gflops_per_frame
        self.graph, self.segments, self.batch = graph, segments, batch

    def seconds(self):
        """Time of one forward pass."""
        frames = self.segments * self.batch
        return self.worker.ask({"graph": self.graph, "frames": frames})


class TorchWorker:
    """The process that runs PyTorch; it sleeps while it is not asked."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.torch_forward"]
            + [str(SIZE), str(NUM_CLASSES)],
            cwd=Path(__file__).parents[1],
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version = self.answer()["version"]

    def ask(self, request):
        """Seconds of the forward pass that is asked for."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        """One line of the process; it ends early only by an error of its own."""
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(
                "benchmarks.torch_forward ended with exit status "
                f"{self.process.wait()}; its error is printed above."
            )
        return json.loads(line)

    def close(self):
        """Ends the process by ending its input."""
        self.process.stdin.close()
        self.process.wait()


def keras_cases(options):
    """All models, shapes and graphs."""
    cases = []
    for name, make in MODELS.items():
        model = make(NUM_CLASSES, num_segments=None)
        for segments in options.segments:
            for batch in options.batches:
                function = forward(model, segments, batch)
                cases += [
                    KerasCase(name, model, function, graph, segments, batch)
                    for graph in options.graphs
                ]
    return cases


def torch_cases(worker, cases):
    """PyTorch beside every case of the appearance stream alone."""
    return [
        TorchCase(worker, c.gflops_per_frame, c.graph, c.segments, c.batch)
        for c in cases
        if c.name == TorchCase.name
    ]


def forward(model, segments, batch):
    """The forward pass as a concrete function of fixed shape."""
    shape = (batch, segments, *model.input["frames"].shape[2:])
    frames = tf.TensorSpec(shape, "float32")
    function = tf.function(lambda x: model({"frames": x}, training=False))
    return function.get_concrete_function(frames)


def count_flops(function):
    """Operations of all convolutions and matrix products; a multiply-add is two."""
    total = 0
    for operation in function.graph.get_operations():
        if operation.type not in ("Conv2D", "DepthwiseConv2dNative", "MatMul"):
            continue
        kernel = operation.inputs[1].shape
        # Sums per output: (kh, kw, in) of a convolution, (kh, kw) of a depthwise
        # one, (in) of a matrix product.
        length = {"Conv2D": 3, "DepthwiseConv2dNative": 2, "MatMul": 1}
        sums = kernel[: length[operation.type]].num_elements()
        total += 2 * sums * operation.outputs[0].shape.num_elements()
    return total


# === Measuring ===


def measure(cases, rounds, warm_up):
    """Seconds of every case and of the matrix product before it, round by round."""
    matrix = tf.random.normal((MATMUL, MATMUL))
    product = tf.function(lambda: tf.matmul(matrix, matrix))
    product()
    times = {case: ([], []) for case in cases}
    for current in range(-warm_up, rounds):
        for case, (passes, products) in times.items():
            start = time.perf_counter()
            product().numpy()
            middle = time.perf_counter()
            seconds = case.seconds()
            if current >= 0:
                products.append(middle - start)
                passes.append(seconds)
    return {
        case: (median(passes), median(products))
        for case, (passes, products) in times.items()
    }


def matmul_gflops(seconds):
    """Rate of the matrix product that took these seconds."""
    return 2 * MATMUL**3 / seconds / 1e9


def table(medians, torch_version, command):
    """Rows of the CSV file."""
    speeds = {
        case: case.segments * case.batch / seconds
        for case, (seconds, _) in medians.items()
    }
    # Keras's own appearance stream as the same kind of graph.
    appearance = {
        (case.graph, case.segments, case.batch): speed
        for case, speed in speeds.items()
        if (case.name, case.framework) == ("appearance", "keras")
    }
    rows = []
    for case, (_, product) in medians.items():
        gflops = speeds[case] * case.gflops_per_frame
        peak = matmul_gflops(product)
        reference = appearance[case.graph, case.segments, case.batch]
        rows.append(
            {
                "model": case.name,
                "framework": case.framework,
                "graph": case.graph,
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
                "torch": torch_version,
                "device": records.device(),
                "size": SIZE,
                "segments": case.segments,
                "batch": case.batch,
                "frames_per_second": f"{speeds[case]:.1f}",
                "gflops_per_frame": f"{case.gflops_per_frame:.3f}",
                "gflops": f"{gflops:.0f}",
                "matmul_gflops": f"{peak:.0f}",
                "ratio_to_matmul": f"{gflops / peak:.3f}",
                "ratio_to_appearance": f"{speeds[case] / reference:.3f}",
                "date": datetime.date.today().isoformat(),
                "command": command,
            }
        )
    return rows


def main(arguments):
    """Measures and writes the table."""
    options = parse(arguments)
    command = shlex.join(["python", "-m", "benchmarks.action_recognition", *arguments])
    cases = keras_cases(options)
    torch_version = ""
    worker = None
    if importlib.util.find_spec("torch"):
        worker = TorchWorker()
        torch_version = worker.version
        cases += torch_cases(worker, cases)
    else:
        print("torch is not installed: no rows for it.")
    medians = measure(cases, options.rounds, options.warm_up)
    if worker:
        worker.close()
    rows = table(medians, torch_version, command)
    records.replace(options.out, COLUMNS, rows)
    for row in rows:
        print(
            f"{row['model']:28} {row['framework']:5} {row['graph']:6} "
            f"{row['segments']:>2}x{row['batch']} {row['frames_per_second']:>7} fps "
            f"{row['ratio_to_matmul']} of matmul {row['ratio_to_appearance']} of TSN"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
