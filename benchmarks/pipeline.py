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

import argparse
import datetime
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import keras
import tensorflow as tf

from benchmarks import memory, records
from benchmarks.pipeline_cases import (
    CASES,
    SEGMENTS,
    SIZE,
    write_shards,
    write_videos,
)
from offkeras.data import modalities

# === Options ===
VIDEOS = 64
FRAMES = 180  # the mean length of a clip of UCF-101
LONG = 20  # how many times as long the long video is
BATCH = 8
STEPS = 30
ROUNDS = 3

COLUMNS = (
    *("measurement", "modality", "unit", "value", "reference", "reference_value"),
    *("ratio_to_reference", "peak_memory_mib", "tensorflow", "keras", "device"),
    *("size", "segments", "batch", "videos", "frames", "date", "command"),
)


def parse(arguments):
    """Command line options; an unknown one is an error."""
    parser = records.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="CSV file")
    for name, default in (
        *(("videos", VIDEOS), ("frames", FRAMES), ("batch", BATCH)),
        *(("steps", STEPS), ("rounds", ROUNDS)),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


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


def measure(folder, arguments, rounds):
    """Medians over rounds of `(value, peak memory in MiB)` of every case.

    A round runs every case once, each in a process of its own.
    """
    found = {name: [] for name in CASES}
    for _ in range(rounds):
        for name, values in found.items():
            command = [sys.executable, "-m", "benchmarks.pipeline", *arguments]
            command += ["--case", name, "--folder", str(folder)]
            done = subprocess.run(
                command,
                cwd=Path(__file__).parents[1],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            values.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: tuple(map(median, zip(*v, strict=True))) for name, v in found.items()}


def run_case(o):
    """Runs one case and prints its value and the peak memory of this process."""
    value = CASES[o.case](o.folder, o)
    print(f"\n{json.dumps([value, memory.peak() / memory.MIB])}")


def table(medians, o, command):
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
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
                "device": records.device(),
                "size": SIZE,
                "segments": SEGMENTS,
                "batch": 1 if case in ("short", "long") else o.batch,
                "videos": 1 if case in ("short", "long") else o.videos,
                "frames": o.frames * (LONG if case == "long" else 1),
                "date": datetime.date.today().isoformat(),
                "command": command,
            }
        )
    return rows


def main(arguments):
    """Writes the videos, measures and writes the table."""
    o = parse(arguments)
    if o.case:
        run_case(o)
        return
    command = shlex.join(["python", "-m", "benchmarks.pipeline", *arguments])
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
        medians = measure(folder, arguments, o.rounds)
    rows = table(medians, o, command)
    records.replace(o.out, COLUMNS, rows)
    for row in rows:
        print(
            f"{row['measurement']:24}{row['modality']:10}{row['value']:>9} "
            f"{row['unit']:10}{row['ratio_to_reference']:>7} of {row['reference']}, "
            f"{row['peak_memory_mib']} MiB"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
