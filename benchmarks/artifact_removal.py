"""Speed of artifact removal: time of a frame next to the machine's peak.

    python -m benchmarks.artifact_removal --out benchmarks/artifact_removal.csv

Measures DnCNN and OFF on 2 and 3 frames at 448x256, width 64, batch 1: whole clips,
where every frame passes through the head anew, and streaming, where it passes once.
A pass of every case makes a round, and a matrix product comes before every pass, so
that noise hits all alike. Rows of another TensorFlow version stay in the file; rows
of this one are replaced.
"""

import functools
import sys

from benchmarks.support import records, timing
from offkeras import models
from offkeras.models import streaming

# === Options ===
NUMBERS = (
    *(("height", 256), ("width", 448), ("channels", 64)),
    *(("rounds", 7), ("warm-up", 2)),
)

LINE = (
    "{model:7} filters {filters:>2} streaming {streaming!s:5} {milliseconds:>8} ms  "
    "{time_to_dncnn} of DnCNN's time, {flop_to_dncnn} of its FLOP, "
    "{ratio_to_matmul} of matmul"
)
parse = records.parser(__doc__, numbers=NUMBERS).parse_args


def make_cases(options):
    """DnCNN, and OFF by whole clips and streaming, at two widths of the reduction."""

    def make(name, model, *, filters=0, step=None):
        return timing.ModelCase(
            name,
            step or model,
            # (None, [T,] None, None, C) -> (1, [T,] height, width, C)
            lambda _, shape: (
                1,
                *shape[1:-3],
                options.height,
                options.width,
                shape[-1],
            ),
            streaming=step is not None,
            parameters=model.count_params(),
            filters=filters,
        )

    cases = [make("DnCNN", models.DnCNN(width=options.channels))]
    for filters in (options.channels, options.channels // 2):
        for num_frames in (2, 3):
            model = models.OFFArtifactRemover(
                num_frames, width=options.channels, filters=filters
            )
            case = functools.partial(make, f"OFF({num_frames})", model, filters=filters)
            cases += [case(), case(step=streaming(model)[1])]
    return cases


def table(medians, options, environment):
    """Rows of the CSV file."""
    dncnn = next(case for case in medians if case.name == "DnCNN")
    return [
        {
            "model": case.name,
            "height": options.height,
            "width": options.width,
            "channels": options.channels,
            "batch": 1,
            "milliseconds": f"{seconds * 1e3:.1f}",
            "frames_per_second": f"{1 / seconds:.2f}",
            "gflop_per_frame": f"{case.gflop:.1f}",
            **timing.rates(case.gflop, seconds, product),
            "time_to_dncnn": f"{seconds / medians[dncnn][0]:.3f}",
            "flop_to_dncnn": f"{case.gflop / dncnn.gflop:.3f}",
            **case.columns,
            **environment,
        }
        for case, (seconds, product) in medians.items()
    ]


def main(arguments):
    """Measures and writes the table."""
    options = parse(arguments)
    medians = timing.measure(make_cases(options), options.rounds, options.warm_up)
    rows = table(medians, options, records.environment("artifact_removal", arguments))
    records.report(options.out, rows, LINE)


if __name__ == "__main__":
    main(sys.argv[1:])
