"""How much appearance and the last OFF level count in their sum, by held-out videos.

The fused score is appearance + off_3 (section 4.3), where a classifier that is sure of
nothing true drags the other. Each is multiplied by a number above 0: temperature
scaling (Guo et al. 2017), of two scores at once.
"""

import itertools

import numpy as np
from keras import ops

from offkeras.models.task import FUSED

FACTORS = np.geomspace(1 / 16, 4, 25)


def factors(scores, labels):
    """The factors that make held-out labels most probable.

    Few labels move them little from 1: the logarithms have a standard normal prior.

    Args:
        scores: dict of logits `(clips, classes)`.
        labels: `(clips,)` integers.

    Returns:
        Dict of a factor for each of `FUSED`, in `FACTORS`.
    """
    rows = np.arange(len(labels))

    def cost(pair):
        fused = sum(f * scores[name] for f, name in zip(pair, FUSED, strict=True))
        log_p = np.asarray(ops.log_softmax(fused))[rows, labels]
        return np.square(np.log(pair)).sum() / 2 - log_p.sum()

    best = min(itertools.product(FACTORS, repeat=len(FUSED)), key=cost)
    return dict(zip(FUSED, map(float, best), strict=True))


def apply(recognizer, factors):
    """Multiplies logits of a recognizer, in the weights of its classifiers."""
    for name, factor in factors.items():
        classifier = recognizer.get_layer(f"{name}_logits")
        for weight in classifier.weights:
            weight.assign(weight * factor)
