"""Validation splits that keep the videos of a group together."""

import numpy as np


def split_by_group(videos, class_names, fraction, *, seed):
    """Divides videos in two; every class keeps a group on either side.

    Args:
        videos: entries with `label` and `group`.
        class_names: names of the labels, for the error.
        fraction: share of the groups of each class in the second part.
        seed: integer; the same seed gives the same division.

    Returns:
        Two tuples of videos, in their order.

    Raises:
        ValueError: if the fraction is not between 0 and 1, or a class has a single
            group.
    """
    if not 0 < fraction < 1:
        raise ValueError(
            f"Expected validation_fraction between 0 and 1. Received: {fraction}."
        )
    held_out = set()
    for label in sorted({video.label for video in videos}):
        groups = sorted({video.group for video in videos if video.label == label})
        if len(groups) < 2:
            raise ValueError(
                f"Class {class_names[label]!r} has one group of videos, {groups[0]}; "
                "a split needs at least two."
            )
        count = min(max(round(len(groups) * fraction), 1), len(groups) - 1)
        rng = np.random.Generator(np.random.Philox(key=[seed, label]))
        held_out |= {(label, group) for group in rng.permutation(groups)[:count]}
    parts = [], []
    for video in videos:
        parts[(video.label, video.group) in held_out].append(video)
    return tuple(parts[0]), tuple(parts[1])
