"""Divides a shot where its label changes for good."""

import dataclasses

import numpy as np

from offkeras.metrics import predicted_classes

TOLERANCE = 1e-6  # seconds


@dataclasses.dataclass(frozen=True)
class Stretch:
    """Windows of a shot, in a row, that have one label.

    Attributes:
        start: seconds.
        end: seconds.
        label: the most probable class on average.
        probabilities: of all classes, the mean over the windows.
    """

    start: float
    end: float
    label: int
    probabilities: np.ndarray


def divide(start, end, times, probabilities, *, smooth, shortest):
    """Divides a shot into stretches.

    The probabilities of every window are averaged over the windows whose middles lie
    within half of `smooth` of its own. Windows in a row with one label are a stretch,
    which ends halfway to the next. While one is shorter than `shortest`, the shortest
    goes to the neighbour whose label it finds more probable.

    Args:
        start: seconds at which the shot begins.
        end: seconds at which it ends.
        times: seconds of the middle of every window, rising.
        probabilities: `(windows, classes)`.
        smooth: seconds; 0 takes every window as it is.
        shortest: seconds.

    Returns:
        List of `Stretch`, at least one.
    """
    times = np.asarray(times, float)
    sums = np.cumsum(
        [np.zeros_like(probabilities[0]), *probabilities], axis=0, dtype=float
    )
    # Window i stands for edges[i] to edges[i + 1].
    edges = [start, *(times[1:] + times[:-1]) / 2, end]

    def make(first, stop):
        mean = (sums[stop] - sums[first]) / (stop - first)
        return first, stop, int(predicted_classes(mean)), mean

    def join(runs):
        """Makes one of those in a row with one label."""
        joined = []
        for run in runs:
            if joined and joined[-1][2] == run[2]:
                run = make(joined.pop()[0], run[1])
            joined.append(run)
        return joined

    reach = smooth / 2 + TOLERANCE
    first = np.searchsorted(times, times - reach)
    stop = np.searchsorted(times, times + reach, side="right")
    smoothed = (sums[stop] - sums[first]) / (stop - first)[:, None]
    changes = np.flatnonzero(np.diff(predicted_classes(smoothed))) + 1
    places = [0, *changes.tolist(), len(times)]
    runs = join(make(*pair) for pair in zip(places, places[1:], strict=False))
    while len(runs) > 1:
        lengths = [edges[stop] - edges[first] for first, stop, _, _ in runs]
        place = int(np.argmin(lengths))
        if lengths[place] >= shortest - TOLERANCE:
            break
        mean = runs[place][3]
        beside = [p for p in (place - 1, place + 1) if 0 <= p < len(runs)]
        left, right = sorted((place, max(beside, key=lambda p: mean[runs[p][2]])))
        whole = make(runs[left][0], runs[right][1])
        runs = join([*runs[:left], whole, *runs[right + 1 :]])
    return [
        Stretch(float(edges[first]), float(edges[stop]), label, mean)
        for first, stop, label, mean in runs
    ]
