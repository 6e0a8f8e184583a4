import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from offkeras.models import RFCN, DnCNN, OFFVideoDetector, detection_trainer
from tests.support.detection import SMALL, small_backbone
from tests.support.helpers import array, needs_bfloat16, randomize

LOSSES = ("rpn_class", "rpn_box", "rcnn_class", "rcnn_box")


def detector(**options):
    return OFFVideoDetector(
        3, backbone=small_backbone(), filters=6, **{**SMALL, **options}
    )


def scenes(count=2, num_frames=2):
    """A bright square of one class, a dark one of another, on noise."""
    rng = np.random.default_rng(0)
    frames = rng.uniform(90, 160, (count, num_frames, 64, 80, 3))
    boxes = np.full((count, 3, 4), -1.0)
    classes = np.full((count, 3), -1)
    for image in range(count):
        for index, (low, high) in enumerate([(0, 25), (40, 60)]):
            x, y = rng.integers(low, high, 1).item(), rng.integers(0, 40)
            side = 20
            frames[image, :, y : y + side, x : x + side] = 255 * index
            boxes[image, index] = [x, y, x + side, y + side]
            classes[image, index] = index
    return {
        "frames": frames.astype("float32"),
        "boxes": boxes.astype("float32"),
        "classes": classes.astype("int32"),
    }


@pytest.mark.slow
def test_trains():
    keras.utils.set_random_seed(0)
    model = detector()
    trainer = detection_trainer(model)
    trainer.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    history = trainer.fit(scenes(2), batch_size=2, epochs=50, verbose=0).history
    assert set(history) == {"loss", *LOSSES}
    for step in (0, 20, -1):
        total = sum(history[name][step] for name in LOSSES)
        np.testing.assert_allclose(history["loss"][step], total, rtol=1e-4)
    assert np.mean(history["loss"][-5:]) < 0.3 * history["loss"][0]
    # The weights are the detector's own: it finds the squares.
    outputs = model({"frames": scenes(2)["frames"]})
    for image in range(2):
        for index in range(2):
            found = array(outputs["boxes"])[image][
                array(outputs["classes"])[image] == index
            ]
            truth = scenes(2)["boxes"][image, index]
            assert np.abs(found[0] - truth).max() < 8


def test_metrics_are_the_losses_of_the_outputs():
    # So few anchors that none is left out, whichever are drawn first.
    options = {**SMALL, "anchor_scales": (2.5,)}
    trainer = detection_trainer(RFCN(3, backbone=small_backbone(), **options))
    randomize(trainer)
    trainer.compile("sgd", jit_compile=False)
    data = scenes(2, num_frames=1)
    logs = trainer.evaluate(data, batch_size=2, verbose=0, return_dict=True)
    same = detection_trainer(RFCN(3, backbone=small_backbone(), **options))
    randomize(same)
    for name, loss in same(data).items():
        assert loss.shape == (2,)
        np.testing.assert_allclose(logs[name], array(loss).mean(), rtol=1e-4)


def test_every_weight_is_trained():
    trainer = detection_trainer(detector())
    randomize(trainer)
    for weight in trainer.trainable_weights:
        if weight.path.endswith("excite_1/bias"):
            weight.assign(weight + 3)  # two units, of which none shall be dead
    with tf.GradientTape() as tape:
        losses = trainer(scenes(), training=True)
        loss = sum(tf.reduce_sum(loss) for loss in losses.values())
    weights = trainer.trainable_weights
    for weight, gradient in zip(
        weights, tape.gradient(loss, [w.value for w in weights]), strict=True
    ):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0, weight.path


def test_images_without_objects():
    trainer = detection_trainer(detector())
    data = scenes()
    data["boxes"][:], data["classes"][:] = -1, -1
    losses = {name: array(loss) for name, loss in trainer(data).items()}
    assert (losses["rpn_box"] == 0).all() and (losses["rcnn_box"] == 0).all()
    assert (losses["rpn_class"] > 0).all() and (losses["rcnn_class"] > 0).all()
    # Padding is nothing, however much there is of it.
    data["boxes"] = np.full((2, 9, 4), -1, "float32")
    data["classes"] = np.full((2, 9), -1, "int32")
    assert all(np.isfinite(array(loss)).all() for loss in trainer(data).values())


@needs_bfloat16
def test_half_precision_losses_are_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        trainer = detection_trainer(detector())
    finally:
        keras.config.set_dtype_policy("float32")
    for loss in trainer(scenes()).values():
        assert loss.dtype == tf.float32
        assert np.isfinite(array(loss)).all()


@pytest.mark.slow
def test_compiled_by_xla():
    # XLA draws other random numbers: here all anchors are taken.
    plain, compiled = (
        detection_trainer(detector(anchor_scales=(2.5,))) for _ in range(2)
    )
    logs = []
    for trainer, jit_compile in ((plain, False), (compiled, True)):
        randomize(trainer)
        trainer.compile(keras.optimizers.SGD(1e-3), jit_compile=jit_compile)
        logs.append(trainer.train_on_batch(scenes(), return_dict=True))
    for name in LOSSES:
        np.testing.assert_allclose(logs[1][name], logs[0][name], rtol=5e-3)


MIRRORED = """
import contextlib, json, sys
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = 2 * [tf.config.LogicalDeviceConfiguration()]
tf.config.set_logical_device_configuration(cpu, two)
from offkeras.models import detection_trainer
from tests.support.helpers import randomize
from tests.models.test_detection_training import detector, scenes

def losses(strategy):
    with strategy.scope() if strategy else contextlib.nullcontext():
        trainer = detection_trainer(detector(), seed=5)
        randomize(trainer)
        trainer.compile(keras.optimizers.SGD(1e-3, momentum=0.9), jit_compile=False)
    data = tf.data.Dataset.from_tensor_slices(scenes(4)).batch(4).repeat()
    history = trainer.fit(data, steps_per_epoch=1, epochs=3, verbose=0).history
    return history

results = [losses(None), losses(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))]
print(json.dumps(results))
"""


@pytest.mark.slow
def test_two_devices_give_the_losses_of_one():
    """Two images on each of two devices are four images on one."""
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", MIRRORED],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    one, two = json.loads(result.stdout.splitlines()[-1])
    assert set(one) == set(two) == {"loss", *LOSSES}
    for name, values in one.items():
        assert len(set(values)) == 3  # the steps differ
        np.testing.assert_allclose(two[name], values, rtol=1e-5)


def test_other_models_are_refused():
    with pytest.raises(ValueError, match="detection_trainer expects an RFCN"):
        detection_trainer(DnCNN(depth=2, width=4))
