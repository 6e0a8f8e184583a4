"""Speed of artifact removal: time of a frame next to the machine's peak.

    python -m benchmarks.artifact_removal --out benchmarks/artifact_removal.csv

Measures DnCNN and OFF on 2 and 3 frames at 448x256, width 64, batch 1: whole clips,
where every frame passes through the head anew, and streaming, where it passes once.
A pass of every case makes a round, and a matrix product comes before every pass, so
that noise hits all alike. Rows of another TensorFlow version stay in the file; rows
of this one are replaced.
"""

import datetime
import shlex
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks import records
from benchmarks.action_recognition import count_flops, matmul_gflops, measure
from offkeras import models
from offkeras.models.artifact_streaming import streaming

# === Options ===
HEIGHT, WIDTH = 256, 448
CHANNELS = 64
ROUNDS = 7
WARM_UP = 2

COLUMNS = (
    *("model", "streaming", "parameters", "filters", "tensorflow", "keras", "device"),
    *("height", "width", "channels", "batch", "milliseconds", "frames_per_second"),
    *("gflop_per_frame", "gflops", "matmul_gflops", "ratio_to_matmul"),
    *("time_to_dncnn", "flop_to_dncnn", "date", "command"),
)


def parse(arguments):
    """Command line options; an unknown one is an error."""
    parser = records.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="CSV file")
    parser.add_argument("--height", type=int, default=HEIGHT)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--channels", type=int, default=CHANNELS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--warm-up", type=int, default=WARM_UP)
    return parser.parse_args(arguments)


class Case:
    """A model, or the step of a stream, at one frame size."""

    def __init__(self, name, model, height, width, *, filters=0, step=None):
        self.name, self.streaming = name, step is not None
        self.parameters, self.filters = model.count_params(), filters
        # The function reads the variables: keep the model alive.
        self.model = step or model
        specification = {
            key: tf.TensorSpec(_fixed(tensor.shape, height, width), tensor.dtype)
            for key, tensor in self.model.input.items()
        }
        function = tf.function(lambda inputs: self.model(inputs, training=False))
        self.function = function.get_concrete_function(specification)
        self.gflop = count_flops(self.function) / 1e9
        rng = np.random.default_rng(0)
        self.inputs = {
            key: tf.constant(rng.uniform(0, 255, spec.shape), spec.dtype)
            for key, spec in specification.items()
        }

    def seconds(self):
        """Time of one restored frame."""
        start = time.perf_counter()
        self.function(self.inputs)["restored"].numpy()
        return time.perf_counter() - start


def _fixed(shape, height, width):
    """(None, [T,] None, None, C) -> (1, [T,] height, width, C)."""
    return (1, *shape[1:-3], height, width, shape[-1])


def make_cases(options):
    """DnCNN, and OFF by whole clips and streaming, at two widths of the reduction."""
    size = (options.height, options.width)
    cases = [Case("DnCNN", models.DnCNN(width=options.channels), *size)]
    for filters in (options.channels, options.channels // 2):
        for num_frames in (2, 3):
            name = f"OFF({num_frames})"
            model = models.OFFArtifactRemover(
                num_frames, width=options.channels, filters=filters
            )
            _, step = streaming(model)
            cases.append(Case(name, model, *size, filters=filters))
            cases.append(Case(name, model, *size, filters=filters, step=step))
    return cases


def table(medians, options, command):
    """Rows of the CSV file."""
    dncnn = next(case for case in medians if case.name == "DnCNN")
    rows = []
    for case, (seconds, product) in medians.items():
        gflops = case.gflop / seconds
        peak = matmul_gflops(product)
        rows.append(
            {
                "model": case.name,
                "streaming": case.streaming,
                "parameters": case.parameters,
                "filters": case.filters,
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
                "device": records.device(),
                "height": options.height,
                "width": options.width,
                "channels": options.channels,
                "batch": 1,
                "milliseconds": f"{seconds * 1e3:.1f}",
                "frames_per_second": f"{1 / seconds:.2f}",
                "gflop_per_frame": f"{case.gflop:.1f}",
                "gflops": f"{gflops:.0f}",
                "matmul_gflops": f"{peak:.0f}",
                "ratio_to_matmul": f"{gflops / peak:.3f}",
                "time_to_dncnn": f"{seconds / medians[dncnn][0]:.3f}",
                "flop_to_dncnn": f"{case.gflop / dncnn.gflop:.3f}",
                "date": datetime.date.today().isoformat(),
                "command": command,
            }
        )
    return rows


def main(arguments):
    """Measures and writes the table."""
    options = parse(arguments)
    command = shlex.join(["python", "-m", "benchmarks.artifact_removal", *arguments])
    medians = measure(make_cases(options), options.rounds, options.warm_up)
    rows = table(medians, options, command)
    records.replace(options.out, COLUMNS, rows)
    for row in rows:
        print(
            f"{row['model']:7} filters {row['filters']:>2} "
            f"{'streaming' if row['streaming'] else '':10}"
            f"{row['milliseconds']:>8} ms  {row['time_to_dncnn']} of DnCNN's time, "
            f"{row['flop_to_dncnn']} of its FLOP, {row['ratio_to_matmul']} of matmul"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
