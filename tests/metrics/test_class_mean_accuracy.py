import keras
import numpy as np
import pytest

from offkeras.metrics import (
    ClassMeanAccuracy,
    class_mean,
    confusion_matrix,
    predicted_classes,
)

LABELS = np.array([0, 0, 0, 1, 3, 3])
PREDICTIONS = np.array([0, 0, 1, 1, 0, 3])


def test_class_mean_by_hand():
    # Class 0: 2 of 3, class 1: 1 of 1, class 2 does not occur, class 3: 1 of 2.
    expected = (2 / 3 + 1 + 1 / 2) / 3
    metric = ClassMeanAccuracy(num_classes=4)
    scores = np.eye(4)[PREDICTIONS]
    metric.update_state(LABELS[:2], scores[:2])
    metric.update_state(LABELS[2:, None], scores[2:])
    assert float(metric.result()) == pytest.approx(expected)
    matrix = confusion_matrix(LABELS, PREDICTIONS, 4)
    assert matrix.tolist() == [[2, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1]]
    assert class_mean(matrix) == pytest.approx(expected)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_no_numbers_have_no_accuracy(value):
    """The largest of NaN would be class 0, which is right for every clip here."""
    scores = np.eye(3)[[0, 0, 0]]
    assert predicted_classes(scores).tolist() == [0, 0, 0]
    scores[1, 0] = value
    with pytest.raises(ValueError, match="NaN or infinity for 1 of 3 clips"):
        predicted_classes(scores)
    metric = ClassMeanAccuracy(num_classes=3)
    metric.update_state([0, 0, 0], np.eye(3)[[0, 0, 0]] * [np.nan, 1, 1])
    assert np.isnan(metric.result())


def test_weights_and_reset():
    metric = ClassMeanAccuracy(num_classes=2)
    metric.update_state([0, 0, 1], np.eye(2)[[0, 1, 1]], sample_weight=[3, 1, 1])
    assert float(metric.result()) == pytest.approx((3 / 4 + 1) / 2)
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_in_compile():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Identity()])
    model.compile(
        loss="sparse_categorical_crossentropy",
        metrics=[ClassMeanAccuracy(num_classes=4)],
        jit_compile=False,
    )
    scores = np.eye(4)[PREDICTIONS]
    results = model.evaluate(scores, LABELS, batch_size=4, verbose=0, return_dict=True)
    assert results["class_mean_accuracy"] == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)


def test_config():
    metric = ClassMeanAccuracy.from_config(
        ClassMeanAccuracy(num_classes=7).get_config()
    )
    assert metric.num_classes == 7
