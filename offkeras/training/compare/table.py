"""What a comparison writes: a row a system and seed, and what they amount to."""

import csv

import numpy as np

from offkeras.storage.writing import write_text, written_whole
from offkeras.training.compare.systems import SYSTEMS
from offkeras.training.tables import write_table

ROWS, SUMMARY, CHART = "results.csv", "results.md", "results.png"
STEPS = ("decode_ms", "input_ms", "network_ms")  # of a clip, one after the other


def read_rows(output):
    """The rows that are written, dicts of text."""
    path = output / ROWS
    if not path.exists():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def add_row(output, row):
    """Writes a row; the file has all of them whole, in the order of the systems."""
    rows = [*read_rows(output), {name: str(value) for name, value in row.items()}]
    order = [*SYSTEMS]
    rows.sort(key=lambda row: (order.index(row["system"]), int(row["seed"])))
    write_table(output / ROWS, rows)


def summarize(rows):
    """A dict a system: means over its seeds.

    Args:
        rows: as `read_rows` returns them.

    Returns:
        Dicts with `system`, `accuracies` in percent, one a seed, `parameters`,
        `trained_parameters`, the `STEPS` and `clips_per_second`.
    """
    lines = []
    for name in dict.fromkeys(row["system"] for row in rows):
        own = [row for row in rows if row["system"] == name]
        steps = {s: np.mean([float(row[s]) for row in own]) for s in STEPS}
        lines.append(
            {
                "system": name,
                "accuracies": [100 * float(row["accuracy"]) for row in own],
                "parameters": int(own[0]["parameters"]),
                "trained_parameters": int(own[0]["trained_parameters"]),
                **steps,
                "clips_per_second": 1000 / max(sum(steps.values()), 1e-9),
            }
        )
    return lines


def markdown(lines):
    """The table of what `summarize` returned, which is text to read as well."""
    cells = [
        ("system", "accuracy, %", "range", "parameters", "of them trained")
        + ("decoding, ms", "input, ms", "network, ms", "clips per second")
    ]
    for line in lines:
        found = line["accuracies"]
        cells.append(
            (
                line["system"],
                f"{np.mean(found):.1f}",
                f"{min(found):.1f}-{max(found):.1f}",
                f"{line['parameters']:,}",
                f"{line['trained_parameters']:,}",
                *(f"{line[step]:.1f}" for step in STEPS),
                f"{line['clips_per_second']:.1f}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    first, *others = widths
    rule = ["-" * first, *("-" * (width - 1) + ":" for width in others)]
    text = []
    for row in (cells[0], rule, *cells[1:]):
        padded = [row[0].ljust(first)]
        padded += [c.rjust(w) for c, w in zip(row[1:], others, strict=True)]
        text.append(f"| {' | '.join(padded)} |\n")
    return "".join(text)


def write_summary(output, about):
    """Prints the table, and writes it and its chart.

    Args:
        output: folder with the rows, a `Path`.
        about: a sentence on how the figures came about.
    """
    lines = summarize(read_rows(output))
    text = f"{about}\n\n{markdown(lines)}"
    print(f"\n{text}")
    write_text(output / SUMMARY, text)
    with written_whole(output / CHART) as temporary:
        draw(lines, temporary)


def draw(lines, path):
    """Draws accuracy by clips per second as PNG, with the range over the seeds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for line in lines:
        found, speed = line["accuracies"], line["clips_per_second"]
        mean = np.mean(found)
        spread = [[mean - min(found)], [max(found) - mean]]
        axes.errorbar(speed, mean, spread, fmt="o", capsize=3)
        axes.annotate(line["system"], (speed, mean), (6, 4), textcoords="offset points")
    axes.set_xscale("log")
    axes.set_xlabel("clips per second, decoding to score")
    axes.set_ylabel("accuracy of test videos, %")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)
