import keras
import numpy as np
import pytest

from offkeras import backbones, cli, inference, models
from tests.support.action_miniatures import write_sides
from tests.support.helpers import array

keras_hub = pytest.importorskip("keras_hub", reason="of the current set alone")


def write_preset(folder):
    """The folder of a task: a small ResNet and its image converter."""
    network = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 16, 32, 32],
        stackwise_num_blocks=[1, 1, 1, 1],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block",
    )
    converter = keras_hub.layers.ResNetImageConverter(
        scale=[1 / 60, 1 / 61, 1 / 62], offset=[-1.0, -2.0, -2.5]
    )
    preprocessor = keras_hub.models.ResNetImageClassifierPreprocessor(converter)
    keras_hub.models.ResNetImageClassifier(
        network, num_classes=2, preprocessor=preprocessor
    ).save_to_preset(folder)
    return network, converter


def test_a_preset_is_a_backbone_with_its_weights_and_preprocessing(tmp_path):
    network, converter = write_preset(tmp_path / "small")
    net = backbones.create(
        f"keras_hub:{tmp_path}/small", weights="imagenet", input_shape=(96, 96, 3)
    )
    images = np.random.default_rng(0).uniform(0, 255, (1, 96, 96, 3)).astype("float32")
    pyramid = keras.Model(network.input, network.pyramid_outputs)
    expected = pyramid(converter(images), training=False)
    maps = net(images, training=False)
    for stride, level in ((8, "P3"), (16, "P4"), (32, "P5")):
        actual = array(maps[f"stride_{stride}"])
        np.testing.assert_allclose(actual, array(expected[level]), atol=1e-5)
        assert np.abs(actual).max() > 0.1


def test_a_preset_that_does_not_tell_its_preprocessing(tmp_path):
    write_preset(tmp_path / "small")
    (tmp_path / "small" / "image_converter.json").unlink()
    with pytest.raises(ValueError, match="small does not say how it wants its images"):
        backbones.create(f"keras_hub:{tmp_path}/small", input_shape=(96, 96, 3))


def test_a_folder_is_trained_on_with_it(tmp_path):
    network, converter = write_preset(tmp_path / "small")
    root = write_sides(tmp_path / "videos", 2)
    options = ["--backbone", f"keras_hub:{tmp_path}/small", "--size", "64"]
    options += ["--views", "1", "--batch-size", "4", "--epochs", "1"]
    cli.main(["train", str(root), "--output", str(tmp_path / "run"), *options])
    trained = inference.trained_model(str(tmp_path / "run"))
    assert trained.class_names == ("left", "right")
    # The backbone was fixed: what was saved is what the preset has.
    backbone = models.backbone_of(trained.load())
    assert backbone.get_layer("preprocess").scale == converter.scale
    trunk = backbone.get_layer("trunk")
    for layer in (layer for layer in network.layers if layer.weights):
        saved = trunk.get_layer(layer.name).get_weights()
        for ours, theirs in zip(saved, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=layer.name)
