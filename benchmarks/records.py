"""The CSV files of the benchmarks: a row for each finished run."""

import argparse
import csv
import datetime
import os
import platform
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

ENVIRONMENT = ("tensorflow", "keras", "device", "date")


def parser(description):
    """The command line of a benchmark; an unknown option is an error."""
    return argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def read(path):
    """Rows of the CSV, none if it does not exist."""
    if not Path(path).exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def append(path, columns, rows):
    """Appends rows, after the header of a new file."""
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        if file.tell() == 0:
            writer.writeheader()
        writer.writerows(rows)


def replace(path, columns, rows, same=("tensorflow",)):
    """Writes rows in the place of those that agree with one of them in `same`."""
    replaced = {tuple(row[column] for column in same) for row in rows}
    kept = [
        row
        for row in read(path)
        if tuple(row[column] for column in same) not in replaced
    ]
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept + rows)


def environment():
    """What a figure was measured with: versions, device and date."""
    return {
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
        for line in cpuinfo.read_text().splitlines():
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
