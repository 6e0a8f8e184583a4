"""Command lines and CSV files of the benchmarks: a row for each finished run."""

import csv
import datetime
import os
import platform
import shlex
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from offkeras.storage.writing import written_whole
from offkeras.training import options


def parser(description, *, numbers=(), **out):
    """The command line of a benchmark; an unknown option is an error.

    Args:
        description: documentation of its module.
        numbers: whole numbers that are options: pairs of name and default.
        **out: of the argument `--out`, which is required where it has no default.
    """
    parser = options.make_parser(description)
    out = {"required": "default" not in out, "help": "CSV file", **out}
    parser.add_argument("--out", type=Path, **out)
    for name, default in numbers:
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser


def read(path):
    """Rows of the CSV, none if it does not exist."""
    if not Path(path).exists():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def columns(path):
    """Names of the columns of the CSV, none if it does not exist."""
    if not Path(path).exists():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return next(csv.reader(file), [])


def write(path, rows, same=None):
    """Adds rows; a new file gets the columns of the first of them.

    Args:
        path: of the CSV.
        rows: dicts.
        same: columns; rows that agree in them with a new one go. Default: none goes.
    """

    def key(row):
        return [row[column] for column in same]

    kept = read(path)
    if same is not None:
        replaced = [key(row) for row in rows]
        kept = [row for row in kept if key(row) not in replaced]
    header = columns(path) or list(rows[0])
    with (
        written_whole(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept + rows)


def report(path, rows, line):
    """Writes rows in the place of those of this TensorFlow version, and prints them."""
    write(path, rows, same=("tensorflow",))
    for row in rows:
        print(line.format(**row))


def environment(benchmark="", arguments=()):
    """What a figure was measured with: versions, device and date.

    Args:
        benchmark: name of the benchmark, for a table with the column `command`.
        arguments: its arguments.
    """
    command = shlex.join(["python", "-m", f"benchmarks.{benchmark}", *arguments])
    return {
        **({"command": command} if benchmark else {}),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "device": device(),
        "date": datetime.date.today().isoformat(),
    }


def device():
    """Model of the processor and the number of threads."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return f"{name}, {len(os.sched_getaffinity(0))} threads"


def print_ranges(rows, by, columns, scale=100):
    """Mean and range of columns over the rows that agree in another.

    Args:
        rows: dicts of text.
        by: the column that names a line.
        columns: the columns to summarise.
        scale: factor of the figures, 100 for percent.
    """
    for name in dict.fromkeys(row[by] for row in rows):
        cells = []
        for column in columns:
            values = [float(row[column]) for row in rows if row[by] == name]
            values = scale * np.array(values)
            cells.append(
                f"{column} {values.mean():5.1f} ({values.min():.1f}-{values.max():.1f})"
            )
        print(f"{name:12}", "   ".join(cells))
