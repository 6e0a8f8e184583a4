"""Backbones by name: the table, other libraries' networks, and a toy of one entry."""

import keras
import numpy as np
import pytest

from offkeras import backbones, models
from tests.support.helpers import array, random


@pytest.mark.parametrize(
    "name, modality, channels",
    [
        ("bn_inception", "rgb_diff", 15),
        ("efficientnet_lite0", "flow", 10),
        ("resnet50", "rgb", 3),
    ],
)
def test_a_recognizer_takes_any_entry(name, modality, channels):
    net = backbones.create(name, input_shape=(64, 64, 3), modality=modality)
    assert net.input_shape == (None, 64, 64, channels)
    model = models.OFFActionRecognizer(
        3, num_segments=2, modality=modality, backbone=net, filters=8
    )
    scores = model({"frames": 99 * random(1, 2, 64, 64, channels)}, training=False)
    assert np.isfinite(array(scores["off_3"])).all()
    assert models.backbone_of(model) is net


def test_networks_of_keras_applications_get_their_own_preprocessing():
    net = backbones.create("MobileNetV2", input_shape=(96, 96, 3))
    assert [maps.shape[1] for maps in net.output.values()] == [12, 6, 3]
    stock = keras.applications.MobileNetV2(
        input_shape=(96, 96, 3), include_top=False, weights=None
    )
    (trunk,) = (layer for layer in net.layers if isinstance(layer, keras.Model))
    trunk.set_weights(stock.get_weights())
    images = np.random.default_rng(0).uniform(0, 255, (1, 96, 96, 3)).astype("float32")
    ready = keras.applications.mobilenet_v2.preprocess_input(images.copy())
    expected = array(stock(ready, training=False))
    actual = array(net(images, training=False)["stride_32"])
    np.testing.assert_allclose(actual, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50"])
def test_a_recognizer_on_a_network_of_keras_applications_loads_again(name, tmp_path):
    net = backbones.create(name, input_shape=(64, 64, 3))
    model = models.OFFActionRecognizer(3, num_segments=2, backbone=net, filters=4)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    frames = {"frames": 255 * random(1, 2, 64, 64, 3)}
    expected, actual = (x(frames, training=False) for x in (model, again))
    for output, scores in expected.items():
        np.testing.assert_allclose(array(actual[output]), array(scores), atol=1e-6)


def test_a_resnet_without_dilation_is_that_of_keras():
    net = backbones.create("resnet50", input_shape=(64, 64, 3))
    stock = keras.applications.ResNet50(
        input_shape=(64, 64, 3), include_top=False, weights=None
    )
    net.get_layer("stages").set_weights(stock.get_weights())
    images = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    ready = keras.applications.resnet.preprocess_input(images.copy())
    expected = array(stock(ready, training=False))
    actual = array(net(images, training=False)["conv5"])
    np.testing.assert_allclose(actual, expected, atol=1e-4 * np.abs(expected).max())


def test_a_toy_backbone_takes_one_entry(monkeypatch):
    def build(*, weights=None, input_shape, mean=None):
        x = images = keras.Input(input_shape)
        outputs = {}
        for level in ("fine", "middle", "coarse"):
            x = keras.layers.Conv2D(4, 3, 2, padding="same", activation="relu")(x)
            outputs[level] = x
        return keras.Model(images, outputs)

    levels = (("fine",), ("middle",), ("coarse",))
    monkeypatch.setitem(backbones.BACKBONES, "toy", backbones.Backbone(build, levels))
    net = backbones.create("toy", input_shape=(32, 32, 3))
    model = models.OFFActionRecognizer(3, num_segments=2, backbone=net, filters=4)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss=loss, jit_compile=False)
    frames = {"frames": random(2, 2, 32, 32, 3)}
    labels = dict.fromkeys(model.output, np.array([0, 2]))
    history = model.fit(frames, labels, verbose=0).history
    assert np.isfinite(history["off_3_loss"]).all()


def test_unknown_names_list_those_there_are():
    with pytest.raises(ValueError, match="bn_inception, efficientnet_lite0.*'vgg'"):
        backbones.create("vgg")
    with pytest.raises(ValueError, match="modality to be one of"):
        backbones.create("bn_inception", modality="depth")
    with pytest.raises(ValueError, match="10 channels, those of modality='flow'"):
        backbones.create("bn_inception", input_shape=(64, 64, 4), modality="flow")
    with pytest.raises(ValueError, match="tiny_resnet: it is trained from nothing"):
        backbones.create("tiny_resnet", weights="imagenet")
    with pytest.raises(ValueError, match="'imagenet' or the path of an existing file"):
        backbones.create("MobileNetV2", weights="absent.h5", input_shape=(96, 96, 3))
