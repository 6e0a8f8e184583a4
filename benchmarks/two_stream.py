"""Speed of OFF next to the two-stream network, the computation of flow included.

    python -m benchmarks.two_stream --out benchmarks/two_stream.csv

The paper's claim of section 1: RGB + OFF(RGB) + RGB Diff + OFF(RGB Diff), which needs
no optical flow, is as accurate as RGB + Flow and 15 times as fast. Measured are a clip
of 25 segments, frozen graphs, and flow between the 6 frames of a segment at 340x256,
by TV-L1 as in the paper and by DIS, which one would take today. A round measures
every part once, a matrix product before it, so that noise hits all alike. Decoding is
the same for all and is left out. Rows of another TensorFlow version stay in the file.
"""

import shlex
import sys
import time
from pathlib import Path

import cv2

from benchmarks import records
from benchmarks.action_recognition import (
    NUM_CLASSES,
    SIZE,
    KerasCase,
    forward,
    matmul_gflops,
    measure,
)
from offkeras import data, models
from offkeras.data import optical_flow
from offkeras.data.video_examples import ExampleOptions

# === Options ===
SEGMENTS = 25
PAIRS = 5  # of frames, whose flow is the input of a segment
ROUNDS = 5
WARM_UP = 1

NETWORKS = {
    "RGB": (models.TSN, "rgb"),
    "Flow": (models.TSN, "flow"),
    "RGB + OFF(RGB)": (models.OFFActionRecognizer, "rgb"),
    "RGB Diff + OFF(RGB Diff)": (models.OFFActionRecognizer, "rgb_diff"),
}
OURS = "RGB + OFF(RGB) + RGB Diff + OFF(RGB Diff)"
# Parts of a system; its networks run one after the other.
SYSTEMS = {
    "RGB": ("RGB",),
    "RGB + OFF(RGB)": ("RGB + OFF(RGB)",),
    OURS: ("RGB + OFF(RGB)", "RGB Diff + OFF(RGB Diff)"),
    "RGB + Flow, TV-L1": ("RGB", "Flow", "tvl1"),
    "RGB + Flow, DIS": ("RGB", "Flow", "dis"),
}
COLUMNS = (
    *("system", "flow_seconds", "network_seconds", "segments_per_second"),
    *("ratio_to_ours", "matmul_gflops", "size", "segments", "flow_pairs", "batch"),
    *(*records.ENVIRONMENT, "command"),
)


def parse(arguments):
    """Command line options; an unknown one is an error."""
    parser = records.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="CSV file")
    parser.add_argument("--segments", type=int, default=SEGMENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--warm-up", type=int, default=WARM_UP)
    return parser.parse_args(arguments)


class FlowCase:
    """Optical flow of one segment after another."""

    def __init__(self, method, segments):
        self.between = optical_flow.estimator(method)
        video = data.sample_video("bikes.mp4")
        size = ExampleOptions().width, ExampleOptions().height
        gray = [
            cv2.cvtColor(cv2.resize(frame, size), cv2.COLOR_RGB2GRAY)
            for frame in data.read_frames(video, range(segments * PAIRS + 1))
        ]
        self.pairs = list(zip(gray, gray[1:], strict=False))

    def seconds(self):
        """Time of the flow of all segments."""
        start = time.perf_counter()
        for first, second in self.pairs:
            optical_flow.quantize(self.between(first, second))
        return time.perf_counter() - start


def cases(segments):
    """What is timed, by its name in `SYSTEMS`."""
    found = {method: FlowCase(method, segments) for method in optical_flow.METHODS}
    for name, (make, modality) in NETWORKS.items():
        model = make(NUM_CLASSES, num_segments=None, modality=modality)
        function = forward(model, segments, 1)
        found[name] = KerasCase(name, model, function, "frozen", segments, 1)
    return found


def table(medians, segments, command):
    """Rows of the CSV file, from `(seconds, seconds of the matrix product)` by part."""

    def seconds(system, flow):
        return sum(
            medians[part][0]
            for part in SYSTEMS[system]
            if (part in optical_flow.METHODS) == flow
        )

    ours = seconds(OURS, False)
    peak = max(matmul_gflops(product) for _, product in medians.values())
    return [
        {
            "system": system,
            "flow_seconds": f"{seconds(system, True):.3f}",
            "network_seconds": f"{seconds(system, False):.3f}",
            "segments_per_second": f"{segments / total:.2f}",
            "ratio_to_ours": f"{ours / total:.3f}",
            "matmul_gflops": f"{peak:.0f}",
            "size": SIZE,
            "segments": segments,
            "flow_pairs": PAIRS if seconds(system, True) else 0,
            "batch": 1,
            **records.environment(),
            "command": command,
        }
        for system in SYSTEMS
        for total in [seconds(system, True) + seconds(system, False)]
    ]


def main(arguments):
    """Measures and writes the table."""
    o = parse(arguments)
    command = shlex.join(["python", "-m", "benchmarks.two_stream", *arguments])
    parts = cases(o.segments)
    medians = measure(list(parts.values()), o.rounds, o.warm_up)
    medians = {name: medians[case] for name, case in parts.items()}
    rows = table(medians, o.segments, command)
    records.replace(o.out, COLUMNS, rows)
    for row in rows:
        print(
            f"{row['system']:44}{row['segments_per_second']:>8} segments/s "
            f"{row['ratio_to_ours']:>7} of ours, flow {row['flow_seconds']} s"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
