"""Tables 1-5 of the paper from files of scores.

What goes where is read from the files: dataset, split, modality, which gradients.
Accuracies are class means; scores are added up without weights, as in the paper.
"""

import numpy as np

from offkeras.models import task
from offkeras.models.motion import OFF_ITSELF
from offkeras.training.actions.scores import accuracies, check_same_videos

SPLITS = (1, 2, 3)
# What a network can be, by its gradients (spatial, temporal).
NETWORKS = {
    "OFF": (True, True),
    "OFF_T": (False, True),
    "OFF_S": (True, False),
    "Hyp-Net": (False, False),
}
# Every stream of a row: (modality, network), the network None for appearance.
RGB, DIFF, FLOW = ("rgb", None), ("rgb_diff", None), ("flow", None)
OFF_RGB, OFF_DIFF, OFF_FLOW = (("rgb", "OFF"), ("rgb_diff", "OFF"), ("flow", "OFF"))

TABLE_1 = (
    ("TSN(RGB)", (RGB,), 85.5),
    ("TSN(RGB+RGB Diff)", (RGB, DIFF), 91.0),
    ("TSN(Flow)", (FLOW,), 87.9),
    ("TSN(RGB+Flow)", (RGB, FLOW), 94.0),
    ("RGB+OFF(RGB)+RGB Diff+OFF(RGB Diff)", (RGB, OFF_RGB, DIFF, OFF_DIFF), 93.3),
)
TABLE_2 = (
    ("RGB", (RGB,), 85.5),
    ("RGB+OFF(RGB)", (RGB, OFF_RGB), 90.5),
    ("RGB+RGB Diff", (RGB, DIFF), 90.7),
    ("RGB+OFF(RGB)+RGB Diff", (RGB, OFF_RGB, DIFF), 92.0),
    ("RGB+OFF(RGB)+RGB Diff+OFF(RGB Diff)", (RGB, OFF_RGB, DIFF, OFF_DIFF), 93.2),
    ("RGB+Flow", (RGB, FLOW), 93.5),
    ("RGB+OFF(RGB)+Flow", (RGB, OFF_RGB, FLOW), 95.1),
    ("RGB+OFF(RGB)+Flow+OFF(Flow)", (RGB, OFF_RGB, FLOW, OFF_FLOW), 95.5),
)
TABLE_3 = (
    ("RGB", (RGB,), 85.5),
    ("RGB+OFF_T", (RGB, ("rgb", "OFF_T")), 89.8),
    ("RGB+OFF_T+OFF_S", (RGB, OFF_RGB), 90.5),
)
TABLE_4 = (
    ("RGB", (RGB,), 85.5),
    ("Hyp-Net+RGB", (RGB, ("rgb", "Hyp-Net")), 86.0),
    ("OFF(RGB)+RGB", (RGB, OFF_RGB), 90.5),
)
# (method, streams, UCF-101, HMDB-51); the text says that OFF(RGB Diff) adds 0.3
# on UCF-101.
TABLE_5 = (
    ("Two-Stream TSN", (RGB, FLOW), 94.0, 68.5),
    ("RGB+OFF(RGB)+Flow+OFF(Flow)", (RGB, OFF_RGB, FLOW, OFF_FLOW), 95.7, None),
    ("Ours (+OFF(RGB Diff))", (RGB, OFF_RGB, FLOW, OFF_FLOW, OFF_DIFF), 96.0, 74.2),
)
NOTE = (
    "Accuracy is the class mean. Speed is that of the networks' forward passes, one "
    "clip of 25 segments, one after the other; computing optical flow is not in it."
)


def markdown(runs):
    """The tables of each variant that occurs, as Markdown.

    Args:
        runs: list of `training.scores.Scores` of test splits.

    Returns:
        A string.

    Raises:
        ValueError: if scores are not of a test split, or two files are of one network.
    """
    variants = {}
    for scores in runs:
        about = scores.about
        if about["subset"] != "test":
            raise ValueError(f"{scores.path} is not of a test split.")
        if about["motion"] != OFF_ITSELF:
            raise ValueError(
                f"{scores.path} is of motion={about['motion']!r}, which the paper does "
                "not have."
            )
        names = {gradients: name for name, gradients in NETWORKS.items()}
        network = names[about["spatial"], about["temporal"]]
        key = (about["dataset"], about["split"], about["modality"], network)
        variant = variants.setdefault(about["variant"], {})
        if key in variant:
            raise ValueError(
                f"{variant[key].path} and {scores.path} are both variant "
                f"{about['variant']!r}, {key}."
            )
        variant[key] = scores
    return "\n\n".join(_variant(name, variants[name]) for name in sorted(variants))


def _variant(name, tested):
    speed = ("Speed (fps)", "Acc.", "Paper")
    sections = [f"## Variant: {name}", NOTE]
    sections += _table("Table 1: UCF-101, three splits", speed, TABLE_1, tested, SPLITS)
    for number, table in ((2, TABLE_2), (3, TABLE_3), (4, TABLE_4)):
        title = f"Table {number}: UCF-101, split 1"
        sections += _table(title, speed, table, tested, (1,))
    rows = []
    for method, streams, paper_ucf, paper_hmdb in TABLE_5:
        cells = [method]
        for dataset, paper in (("ucf101", paper_ucf), ("hmdb51", paper_hmdb)):
            cells += [_cells(tested, dataset, SPLITS, streams)[1], _percent(paper)]
        rows.append(cells)
    columns = ("UCF-101", "Paper", "HMDB-51", "Paper")
    sections += ["### Table 5: three splits", _grid(("Method", *columns), rows)]
    return "\n\n".join(sections)


def _table(title, columns, table, tested, splits):
    rows = [
        [method, *_cells(tested, "ucf101", splits, streams), _percent(paper)]
        for method, streams, paper in table
    ]
    return [f"### {title}", _grid(("Method", *columns), rows)]


def _cells(tested, dataset, splits, streams):
    """Speed and accuracy of a sum of streams, over the splits that were run."""
    speeds, means = [], []
    for split in splits:
        # Appearance is that of the whole network's run, which shares its backbone.
        keys = [
            (dataset, split, modality, network or "OFF")
            for modality, network in streams
        ]
        if any(key not in tested for key in keys):
            continue
        runs = [tested[key] for key in keys]
        for scores in runs[1:]:
            check_same_videos(runs[0], scores)
        fused = sum(
            scores.outputs[task.OFF_OUTPUTS[-1] if network else task.APPEARANCE]
            for scores, (_, network) in zip(runs, streams, strict=True)
        )
        means.append(accuracies(fused, runs[0].labels)[1])
        speeds.append(_speed(runs, streams))
    if not means:
        return "not run", "not run"
    accuracy = f"{np.mean(means):.1%}"
    if len(means) < len(splits):
        accuracy += f" ({len(means)} of {len(splits)} splits)"
    return f"{np.mean(speeds):.0f}", accuracy


def _speed(runs, streams):
    """Frames per second of the networks of a row, one after the other."""
    seconds = {}
    for scores, (modality, network) in zip(runs, streams, strict=True):
        speed = scores.about["frames_per_second"]["all" if network else "appearance"]
        # With OFF, the pass through its backbone gives the appearance as well.
        seconds[modality] = max(seconds.get(modality, 0), 1 / speed)
    return 1 / sum(seconds.values())


def _percent(value):
    return "" if value is None else f"{value:.1f}%"


def _grid(columns, rows):
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
