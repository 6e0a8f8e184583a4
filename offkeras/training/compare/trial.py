"""One system, trained and tested on features that all systems of its modality share."""

import functools

import keras
import numpy as np

from offkeras.models import features as features_of
from offkeras.models.task import fuse_scores
from offkeras.training.folder import calibration, clips, features, train
from offkeras.training.replicas import devices


def extractor(recognizer):
    """The model that makes the features of a recognizer with three levels."""
    return features_of.split(recognizer)[0]


def train_and_test(recognizer, parts, kept, o, folder, strategy, shown=None):
    """Trains what a recognizer has beside its backbone, and tests it.

    Args:
        recognizer: the system.
        parts: dict of `Clips`: `"train"`, `"held_out"`, which choose the epoch and
            the factors of the fused score, and `"test"`, which choose nothing.
        kept: dict of their features, as `train.keep_features` returns it.
        o: options of a training.
        folder: where its checkpoints go, a `Path`.
        strategy: the strategy of the run.
        shown: callback that prints. Default: a line an epoch.

    Returns:
        `(scores, heads)`: dict of the logits of every output and of their fusion, of
        the test clips; and the trained model from features to logits.
    """
    heads = features_of.split(recognizer)[1]
    kept = {part: named(arrays, heads) for part, arrays in kept.items()}
    folder.mkdir(parents=True, exist_ok=True)
    score = functools.partial(features.scores_of, devices.forward(heads))
    sides = parts[clips.TRAIN], parts[clips.HELD_OUT]
    train.fit(heads, score, kept, *sides, o, folder, strategy, shown)
    heads.load_weights(folder / "heads" / "best.weights.h5")
    scores = score(kept[clips.TEST])
    if len(scores) > 1:
        labels = np.array(parts[clips.HELD_OUT].labels)
        factors = calibration.factors(score(kept[clips.HELD_OUT]), labels)
        scores |= {name: scores[name] * factor for name, factor in factors.items()}
    return {**scores, "fused": fuse_scores(scores)}, heads


def named(arrays, heads):
    """The features that a system sees, by its own names.

    The maps of a level have other names where no OFF is taken of them; appearance
    alone sees the pooled ones only, which come last.
    """
    names = [*heads.input]
    return dict(zip(names, [*arrays.values()][-len(names) :], strict=True))


class Quiet(keras.callbacks.Callback):
    """Prints nothing."""
