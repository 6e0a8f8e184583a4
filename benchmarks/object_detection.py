"""Speed and memory of video object detection: time of a frame, next to the baseline.

    python -m benchmarks.object_detection --out benchmarks/object_detection.csv

Measures R-FCN and OFF on one scale and on two, with ResNet-101 at 600x1000 and 300
proposals: whole clips, where the reference passes through the backbone as well, and
streaming, where its reduced features are kept; and what follows the score maps
alone, proposals, pooling and the suppression of every class, on maps of noise, of
which every region is a candidate for every class: the worst case. The weights are
random. A pass of every case makes a round, and a matrix product comes before every
pass, so that noise hits all alike. Peak memory is that of a process with one case
in it. Rows of another TensorFlow version stay in the file; rows of this one are
replaced.
"""

import argparse
import json
import resource
import shlex
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks import records
from benchmarks.action_recognition import count_flops, matmul_gflops, measure
from offkeras import backbones, models
from offkeras.models.detection_head import vote

# === Options ===
HEIGHT, WIDTH = 600, 1000
DEPTH = 101
NUM_CLASSES = 30
ROUNDS = 7
WARM_UP = 2

BASELINE = "R-FCN"
SELECTION = "proposals, pooling, suppression"
CASES = (
    (BASELINE, False),
    ("OFF single", False),
    ("OFF single", True),
    ("OFF multi", False),
    ("OFF multi", True),
    (SELECTION, False),
)
COLUMNS = (
    *("model", "streaming", "parameters", "depth", "height", "width", "batch"),
    *("milliseconds", "gflop_per_frame", "gflops", "matmul_gflops"),
    *("ratio_to_matmul", "time_to_baseline", "flop_to_baseline", "peak_memory_mib"),
    *(*records.ENVIRONMENT, "command"),
)


def parse(arguments):
    """Command line options; an unknown one is an error."""
    parser = records.parser(__doc__)
    parser.add_argument("--out", type=Path, help="CSV file")
    parser.add_argument("--height", type=int, default=HEIGHT)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--depth", type=int, default=DEPTH, help="50, 101 or 152")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--warm-up", type=int, default=WARM_UP)
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.out is None and options.memory_of is None:
        parser.error("--out is required")
    return options


# === The cases ===


class Case:
    """A detector, the step of its stream, or what follows its score maps."""

    def __init__(self, name, streaming, options):
        self.name, self.streaming = name, streaming
        model = make_detector(name, options.depth)
        self.parameters = model.count_params()
        if name == SELECTION:
            model = selection(model)
        elif streaming:
            _, model = models.detection_streaming(model)
        self.model = model  # the function reads its variables: keep it alive
        specification = {
            key: tf.TensorSpec(fixed(key, tensor.shape, options), tensor.dtype)
            for key, tensor in model.input.items()
        }
        function = tf.function(lambda inputs: self.model(inputs, training=False))
        self.function = function.get_concrete_function(specification)
        self.gflop = count_flops(self.function) / 1e9
        rng = np.random.default_rng(0)
        self.inputs = {
            key: tf.constant(
                rng.uniform(0, 255, spec.shape)
                if key.startswith("frame")
                else rng.normal(size=spec.shape),
                spec.dtype,
            )
            for key, spec in specification.items()
        }

    def seconds(self):
        """Time of the detections of one frame."""
        start = time.perf_counter()
        self.function(self.inputs)["boxes"].numpy()
        return time.perf_counter() - start


def make_detector(name, depth):
    """The detector of a case."""
    backbone = backbones.ResNet(depth)
    if name in (BASELINE, SELECTION):
        return models.RFCN(NUM_CLASSES, backbone=backbone)
    return models.OFFVideoDetector(
        NUM_CLASSES, scales=name.removeprefix("OFF "), backbone=backbone
    )


def selection(detector):
    """The part of a detector that has no weights: score maps to detections."""
    head = detector.get_layer("head")
    frames = keras.Input((None, None, None, 3), name="frames")
    maps = {
        name: keras.Input(head.get_layer(name).output.shape[1:], name=name)
        for name in ("rpn_class", "rpn_box", "class_maps", "box_maps")
    }
    layer = head.get_layer
    rois, valid = layer("proposals")(maps["rpn_class"], maps["rpn_box"], frames)
    detections = layer("detections")(
        vote(layer("pool_classes")(maps["class_maps"], rois)),
        vote(layer("pool_boxes")(maps["box_maps"], rois)),
        rois,
        valid,
        frames,
    )
    return keras.Model({"frames": frames, **maps}, detections, name="selection")


def fixed(name, shape, options):
    """(None, [T,] None, None, C) -> (1, [T,] rows, columns, C)."""
    stride = 1
    if not name.startswith("frame"):
        stride = 8 if name == "state_fine" else 16
    rows, columns = -(-options.height // stride), -(-options.width // stride)
    time_axis = [size or 1 for size in shape[1:-3]]
    return (1, *time_axis, rows, columns, shape[-1])


# === Measuring ===


def peak_memory(index, arguments):
    """MiB of a process that loads one case and runs it twice."""
    output = subprocess.run(
        [sys.executable, "-m", "benchmarks.object_detection"]
        + [*arguments, "--memory-of", str(index)],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    return json.loads(output)["mib"]


def report_memory(options):
    """The other side of `peak_memory`."""
    case = Case(*CASES[options.memory_of], options)
    case.seconds()
    case.seconds()
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"mib": mib}))


def table(medians, memory, options, command):
    """Rows of the CSV file."""
    baseline = next(case for case in medians if case.name == BASELINE)
    rows = []
    for (case, (seconds, product)), mib in zip(medians.items(), memory, strict=True):
        gflops = case.gflop / seconds
        peak = matmul_gflops(product)
        rows.append(
            {
                "model": case.name,
                "streaming": case.streaming,
                "parameters": case.parameters,
                "depth": options.depth,
                "height": options.height,
                "width": options.width,
                "batch": 1,
                "milliseconds": f"{seconds * 1e3:.0f}",
                "gflop_per_frame": f"{case.gflop:.1f}",
                "gflops": f"{gflops:.0f}",
                "matmul_gflops": f"{peak:.0f}",
                "ratio_to_matmul": f"{gflops / peak:.3f}",
                "time_to_baseline": f"{seconds / medians[baseline][0]:.3f}",
                "flop_to_baseline": f"{case.gflop / baseline.gflop:.3f}",
                "peak_memory_mib": mib,
                **records.environment(),
                "command": command,
            }
        )
    return rows


def main(arguments):
    """Measures and writes the table."""
    options = parse(arguments)
    if options.memory_of is not None:
        report_memory(options)
        return
    command = shlex.join(["python", "-m", "benchmarks.object_detection", *arguments])
    memory = [peak_memory(index, arguments) for index in range(len(CASES))]
    cases = [Case(*case, options) for case in CASES]
    medians = measure(cases, options.rounds, options.warm_up)
    rows = table(medians, memory, options, command)
    records.replace(options.out, COLUMNS, rows)
    for row in rows:
        print(
            f"{row['model']:32}{'streaming' if row['streaming'] else '':10}"
            f"{row['milliseconds']:>6} ms  {row['time_to_baseline']} of the "
            f"baseline's time, {row['flop_to_baseline']} of its FLOP, "
            f"{row['peak_memory_mib']} MiB"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
