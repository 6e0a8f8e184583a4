"""The accuracy that action recognition reports."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("offkeras")
class ClassMeanAccuracy(keras.metrics.Metric):
    """Mean over the classes of the accuracy on the clips of each class.

    UCF-101 and HMDB-51 are reported this way: every class counts alike,
    however many clips it has. Classes without a clip are left out.

    Args:
        num_classes: number of classes.

    Call arguments:
        y_true: integer labels `(batch,)` or `(batch, 1)`.
        y_pred: scores `(batch, num_classes)`; the largest one is the prediction.

    Example:

    >>> metric = ClassMeanAccuracy(num_classes=2)
    >>> metric.update_state([0, 0, 0, 1], [[1, 0], [1, 0], [0, 1], [0, 1]])
    >>> float(metric.result())  # (2/3 + 1) / 2
    0.8333333
    """

    def __init__(self, num_classes, *, name="class_mean_accuracy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.correct = self.add_variable((num_classes,), "zeros", name="correct")
        self.total = self.add_variable((num_classes,), "zeros", name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch; `sample_weight` has one weight a clip."""
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        hits = ops.cast(ops.equal(labels, ops.argmax(y_pred, axis=-1)), self.dtype)
        # The largest of scores that are no numbers is the first, by no merit.
        hits = ops.where(ops.any(ops.isnan(y_pred), axis=-1), np.nan, hits)
        # (batch,) -> (batch, classes)
        members = ops.one_hot(labels, self.num_classes, dtype=self.dtype)
        if sample_weight is not None:
            weight = ops.cast(ops.reshape(sample_weight, (-1, 1)), self.dtype)
            members = members * weight
        self.total.assign_add(ops.sum(members, axis=0))
        self.correct.assign_add(ops.sum(members * hits[:, None], axis=0))

    def result(self):
        """Class-mean accuracy of all batches so far, in 0..1."""
        seen = ops.cast(self.total > 0, self.dtype)
        accuracy = self.correct / ops.maximum(self.total, keras.config.epsilon())
        return ops.sum(accuracy) / ops.maximum(ops.sum(seen), 1)

    def get_config(self):
        """Config from which the metric can be made again."""
        return {**super().get_config(), "num_classes": self.num_classes}


def predicted_classes(scores):
    """The class of the largest score.

    Args:
        scores: array `(..., num_classes)`.

    Returns:
        int64 array `(...)`.

    Raises:
        ValueError: if a score is NaN or infinite: there is no largest one.
    """
    scores = np.asarray(scores)
    wrong = ~np.isfinite(scores).all(axis=-1)
    if wrong.any():
        raise ValueError(
            "Expected scores of a model that are finite numbers. Received: NaN or "
            f"infinity for {np.count_nonzero(wrong)} of {wrong.size} clips."
        )
    return scores.argmax(-1)


def confusion_matrix(labels, predictions, num_classes):
    """Counts of clips by true class (row) and predicted class (column).

    Args:
        labels: integer labels `(clips,)`.
        predictions: integer predictions `(clips,)`.
        num_classes: number of classes.

    Returns:
        int64 array `(num_classes, num_classes)`.
    """
    matrix = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(matrix, (np.asarray(labels), np.asarray(predictions)), 1)
    return matrix


def class_mean(matrix):
    """Class-mean accuracy of a confusion matrix, over the classes that occur.

    Args:
        matrix: counts by true class (row) and predicted class (column).

    Returns:
        A float in 0..1.
    """
    totals = matrix.sum(axis=1)
    occurs = totals > 0
    return float((matrix.diagonal()[occurs] / totals[occurs]).mean())
