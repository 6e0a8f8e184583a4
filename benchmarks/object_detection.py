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

import sys

import keras

from benchmarks.support import memory, records, timing
from offkeras import backbones, models
from offkeras.models.detection_head import vote

# === Options ===
NUMBERS = (
    *(("height", 600), ("width", 1000)),
    *(("depth", 101), ("rounds", 7), ("warm-up", 2)),
)
NUM_CLASSES = 30

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
LINE = (
    "{model:32} streaming {streaming!s:5} {milliseconds:>6} ms  {time_to_baseline} of "
    "the baseline's time, {flop_to_baseline} of its FLOP, {peak_memory_mib} MiB"
)
parse = records.parser(__doc__, numbers=NUMBERS).parse_args


# === The cases ===


def make_case(name, streaming, options):
    """A detector, the step of its stream, or what follows its score maps."""
    detector = model = make_detector(name, options.depth)
    if name == SELECTION:
        model = selection(detector)
    elif streaming:
        _, model = models.streaming(detector)
    return timing.ModelCase(
        name,
        model,
        lambda key, shape: fixed(key, shape, options),
        streaming=streaming,
        parameters=detector.count_params(),
    )


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


def peak_memory(name, streaming, options):
    """MiB of this process, after it has loaded one case and run it twice."""
    case = make_case(name, streaming, options)
    case.seconds()
    case.seconds()
    return memory.peak() // memory.MIB


def table(medians, peaks, options, environment):
    """Rows of the CSV file."""
    baseline = next(case for case in medians if case.name == BASELINE)
    return [
        {
            "model": case.name,
            "depth": options.depth,
            "height": options.height,
            "width": options.width,
            "batch": 1,
            "milliseconds": f"{seconds * 1e3:.0f}",
            "gflop_per_frame": f"{case.gflop:.1f}",
            **timing.rates(case.gflop, seconds, product),
            "time_to_baseline": f"{seconds / medians[baseline][0]:.3f}",
            "flop_to_baseline": f"{case.gflop / baseline.gflop:.3f}",
            "peak_memory_mib": mib,
            **case.columns,
            **environment,
        }
        for (case, (seconds, product)), mib in zip(medians.items(), peaks, strict=True)
    ]


def main(arguments):
    """Measures and writes the table."""
    options = parse(arguments)
    peaks = [memory.alone(peak_memory, *case, options) for case in CASES]
    cases = [make_case(*case, options) for case in CASES]
    medians = timing.measure(cases, options.rounds, options.warm_up)
    environment = records.environment("object_detection", arguments)
    rows = table(medians, peaks, options, environment)
    records.report(options.out, rows, LINE)


if __name__ == "__main__":
    main(sys.argv[1:])
