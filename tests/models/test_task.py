import keras
import numpy as np
import pytest

from offkeras import models
from offkeras.models import task
from tests.support.detection import SMALL, small_backbone
from tests.support.recognizer import small_recognizer


def test_tasks():
    assert models.task_of(small_recognizer()) == task.RECOGNITION
    assert models.task_of(models.DnCNN(depth=2, width=4)) == task.RESTORATION
    detector = models.RFCN(3, backbone=small_backbone(), **SMALL)
    assert models.task_of(detector) == task.DETECTION
    inputs = keras.Input((3,))
    other = keras.Model(inputs, {"sum": keras.layers.Dense(1)(inputs)}, name="other")
    with pytest.raises(ValueError, match="Received: 'other' with outputs"):
        models.task_of(other)


def test_fused_scores():
    scores = {name: np.full((1, 2), n) for n, name in enumerate(task.CLASSIFIERS, 1)}
    np.testing.assert_array_equal(models.fuse_scores(scores), [[5, 5]])
    assert task.FUSED_NAME == "appearance + off_3"


def test_backbone_is_found_by_what_it_is():
    backbone = small_backbone()
    for make in (models.RFCN, models.OFFVideoDetector):
        assert models.backbone_of(make(3, backbone=backbone, **SMALL)) is backbone
    images = keras.Input((32, 32, 3))
    maps = keras.layers.Conv2D(4, 3)(images)
    backbone = keras.Model(images, {"only": maps}, name="any_name")
    tsn = models.TSN(3, backbone=backbone)
    assert models.backbone_of(tsn) is backbone
    for model in (models.DnCNN(depth=2, width=4), models.OFFArtifactRemover(width=4)):
        with pytest.raises(ValueError, match="with one backbone"):
            models.backbone_of(model)
