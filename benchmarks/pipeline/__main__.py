"""Speed and memory of the video pipeline, from video files to batches of segments.

    python -m benchmarks.pipeline --out benchmarks/pipeline.csv

Measures, in processes of their own so that peak memory is each one's (without the
workers of the preparation):

- preparation of videos to shards without flow, a worker a core, next to bare PyAV
  decoding and JPEG encoding in as many processes;
- optical flow, TV-L1 and DIS, of frames of 340x256 on one core;
- the training pipeline from shards, next to the forward pass of the OFF model;
- peak memory of the pipeline over a short and over a long video.

The videos are an embedded one, looped. Rows of another TensorFlow version stay in
the file; rows of this one are replaced.
"""

import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.pipeline.cases import (
    CASES,
    SEGMENTS,
    SIZE,
    write_shards,
    write_videos,
)
from benchmarks.support import memory, records
from offkeras import modalities

# === Options ===
NUMBERS = (
    *(("videos", 64), ("frames", 180)),  # the mean length of a clip of UCF-101
    *(("batch", 8), ("steps", 30), ("rounds", 3)),
)
LONG = 20  # how many times as long the long video is

LINE = (
    "{measurement:24}{modality:10}{value:>9} {unit:10}{ratio_to_reference:>7} of "
    "{reference}, {peak_memory_mib} MiB"
)
parse = records.parser(__doc__, numbers=NUMBERS).parse_args


# === What is compared ===
# measurement, modality, unit, case, reference, case of the reference
MEASUREMENTS = (
    ("preparation", "rgb", "frames/s", "prepare", "PyAV and JPEG alone", "bare"),
    ("optical flow", "tvl1", "frames/s", "tvl1", "DIS", "dis"),
    ("optical flow", "dis", "frames/s", "dis", "TV-L1", "tvl1"),
    *(
        ("training pipeline", name, "samples/s", f"pipeline_{name}")
        + ("forward pass of OFF", f"model_{name}")
        for name in modalities.MODALITIES
    ),
    ("pipeline, short video", "rgb", "samples/s", "short", "long video", "long"),
    ("pipeline, long video", "rgb", "samples/s", "long", "short video", "short"),
)


# === Measuring ===


def measure(folder, o):
    """Medians over rounds of `(value, peak memory in MiB)` of every case.

    A round runs every case once, each in a process of its own.
    """
    found = {name: [] for name in CASES}
    for _ in range(o.rounds):
        for name, values in found.items():
            values.append(memory.alone(run_case, name, folder, o))
    return {name: tuple(map(median, zip(*v, strict=True))) for name, v in found.items()}


def run_case(name, folder, o):
    """The value of one case and the peak memory of this process."""
    return CASES[name](folder, o), memory.peak() / memory.MIB


def table(medians, o, environment):
    """Rows of the CSV file."""
    rows = []
    for measurement, modality, unit, case, reference, other in MEASUREMENTS:
        value, peak = medians[case]
        rows.append(
            {
                "measurement": measurement,
                "modality": modality,
                "unit": unit,
                "value": f"{value:.2f}",
                "reference": reference,
                "reference_value": f"{medians[other][0]:.2f}",
                "ratio_to_reference": f"{value / medians[other][0]:.3f}",
                "peak_memory_mib": f"{peak:.0f}",
                "size": SIZE,
                "segments": SEGMENTS,
                "batch": 1 if case in ("short", "long") else o.batch,
                "videos": 1 if case in ("short", "long") else o.videos,
                "frames": o.frames * (LONG if case == "long" else 1),
                **environment,
            }
        )
    return rows


def main(arguments):
    """Writes the videos, measures and writes the table."""
    o = parse(arguments)
    workers = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, videos, frames, flow in (
            ("many", o.videos, o.frames, "dis"),
            ("short", 1, o.frames, "none"),
            ("long", 1, o.frames * LONG, "none"),
        ):
            write_videos(folder / name, videos=videos, frames=frames)
            out = folder / f"{name}_shards"
            write_shards(folder / name, out, flow=flow, workers=workers)
        medians = measure(folder, o)
    rows = table(medians, o, records.environment("pipeline", arguments))
    records.report(o.out, rows, LINE)


if __name__ == "__main__":
    main(sys.argv[1:])
