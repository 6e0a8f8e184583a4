"""Speed of OFF next to the two-stream network, the computation of flow included.

    python -m benchmarks.two_stream --out benchmarks/two_stream.csv

The paper's claim of section 1: RGB + OFF(RGB) + RGB Diff + OFF(RGB Diff), which needs
no optical flow, is as accurate as RGB + Flow and 15 times as fast. Measured are a clip
of 25 segments, frozen graphs, and flow between the 6 frames of a segment at 340x256,
by TV-L1 as in the paper and by DIS, which one would take today. A round measures
every part once, a matrix product before it, so that noise hits all alike. Decoding is
the same for all and is left out. Rows of another TensorFlow version stay in the file.
"""

import sys

from benchmarks.support import records, timing
from benchmarks.support.flow import FlowCase
from offkeras import models
from offkeras.video import optical_flow

# === Options ===
SIZE, NUM_CLASSES = 224, 101
PAIRS = 5  # of frames, whose flow is the input of a segment
NUMBERS = (("segments", 25), ("rounds", 5), ("warm-up", 1))

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
LINE = (
    "{system:44}{segments_per_second:>8} segments/s "
    "{ratio_to_ours:>7} of ours, flow {flow_seconds} s"
)
parse = records.parser(__doc__, numbers=NUMBERS).parse_args


def cases(segments):
    """What is timed, by its name in `SYSTEMS`."""
    count = segments * PAIRS
    found = {method: FlowCase(method, count) for method in optical_flow.METHODS}
    for name, (make, modality) in NETWORKS.items():
        model = make(NUM_CLASSES, num_segments=None, modality=modality)
        found[name] = timing.ModelCase(
            name, model, lambda _, shape: (1, segments, *shape[2:]), frozen=True
        )
    return found


def table(medians, segments, environment):
    """Rows of the CSV file, from `(seconds, seconds of the matrix product)` by part."""

    def seconds(system, flow):
        return sum(
            medians[part][0]
            for part in SYSTEMS[system]
            if (part in optical_flow.METHODS) == flow
        )

    ours = seconds(OURS, False)
    peak = max(timing.matmul_gflops(product) for _, product in medians.values())
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
            **environment,
        }
        for system in SYSTEMS
        for total in [seconds(system, True) + seconds(system, False)]
    ]


def main(arguments):
    """Measures and writes the table."""
    o = parse(arguments)
    parts = cases(o.segments)
    medians = timing.measure(list(parts.values()), o.rounds, o.warm_up)
    medians = {name: medians[case] for name, case in parts.items()}
    rows = table(medians, o.segments, records.environment("two_stream", arguments))
    records.report(o.out, rows, LINE)


if __name__ == "__main__":
    main(sys.argv[1:])
