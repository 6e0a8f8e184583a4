"""Pictures of results."""

import numpy as np

from offkeras.metrics.image_quality import psnr


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
    # As they are: $ begins no formula.
    axes.set_xticks(ticks, class_names, rotation=90, parse_math=False)
    axes.set_yticks(ticks, class_names, parse_math=False)
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


def draw_restoration(before, after, path, *, original=None, crop=None):
    """Draws a frame before and after restoration side by side as PNG.

    Args:
        before: the compressed frame, uint8 RGB `(height, width, 3)`.
        after: the restored frame.
        path: file to write.
        original: the frame before compression. It becomes a third panel, and the
            PSNR of the whole frames to it is written above the others.
        crop: `(top, left, height, width)` of the part to show, in pixels. Default:
            the whole frame.

    Raises:
        ValueError: if the frames differ in size, or the crop leaves them.
    """
    from matplotlib.figure import Figure

    panels = {"compressed": before, "restored": after}
    if original is not None:
        panels["original"] = original
    sizes = {name: frame.shape for name, frame in panels.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"Expected frames of one size. Received: {sizes}.")
    top, left, height, width = crop or (0, 0, *before.shape[:2])
    shown = before[top : top + height, left : left + width]
    if min(top, left) < 0 or shown.shape[:2] != (height, width) or not shown.size:
        raise ValueError(
            "Expected `crop` to be (top, left, height, width) within a frame of "
            f"{before.shape[1]}x{before.shape[0]}. Received: {crop}."
        )
    figure = Figure(
        figsize=(4 * len(panels), 4 * height / width + 0.4), layout="constrained"
    )
    axes = figure.subplots(1, len(panels))
    for panel, (name, frame) in zip(axes, panels.items(), strict=True):
        panel.imshow(
            frame[top : top + height, left : left + width], interpolation="nearest"
        )
        if original is not None and name != "original":
            name += f", {float(psnr(original[None], frame[None])[0]):.2f} dB"
        panel.set_title(name)
        panel.axis("off")
    figure.savefig(path, dpi=100)
