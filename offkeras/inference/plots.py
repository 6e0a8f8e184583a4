"""Pictures of results."""

import numpy as np


def draw_confusion_matrix(matrix, class_names, path):
    """Draws a confusion matrix as PNG: rows are true classes, in percent.

    Args:
        matrix: counts by true class (row) and predicted class (column).
        class_names: names of the classes.
        path: file to write.
    """
    from matplotlib.figure import Figure

    matrix = np.asarray(matrix)
    share = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    size = 3 + 0.35 * len(class_names)
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
    ticks = range(len(class_names))
    axes.set_xticks(ticks, class_names, rotation=90)
    axes.set_yticks(ticks, class_names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    # More than this many numbers would be too small to read.
    if len(class_names) <= 30:
        for row, column in zip(*np.nonzero(matrix), strict=True):
            value = share[row, column]
            axes.text(
                column,
                row,
                f"{value:.0f}",
                ha="center",
                va="center",
                color="white" if value > 50 else "black",
            )
    figure.savefig(path, dpi=100)
