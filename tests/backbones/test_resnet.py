import keras
import numpy as np
import pytest

from offkeras.backbones import ResNet
from tests.support.helpers import array


@pytest.mark.parametrize(
    ("depth", "last_of_conv4"),
    [
        (50, "conv4_block6_out"),
        pytest.param(101, "conv4_block23_out", marks=pytest.mark.slow),
    ],
)
def test_stock_weights_give_the_stock_features(depth, last_of_conv4, tmp_path):
    """Of a dilated stage, every second cell is the cell of the strided one."""
    stock = getattr(keras.applications, f"ResNet{depth}")(
        include_top=False, weights=None, input_shape=(None, None, 3)
    )
    path = str(tmp_path / "stock.weights.h5")
    stock.save_weights(path)
    images = np.random.default_rng(0).uniform(0, 255, (1, 80, 97, 3))
    taps = ("conv3_block4_out", last_of_conv4, "conv5_block3_out")
    tapped = keras.Model(stock.input, [stock.get_layer(tap).output for tap in taps])
    prepared = keras.applications.resnet.preprocess_input(images.copy())
    expected = [array(maps) for maps in tapped(prepared)]

    backbone = ResNet(depth, weights=path)
    features = {name: array(maps) for name, maps in backbone(images).items()}
    assert [maps.shape for maps in features.values()] == [
        (1, 10, 13, 512),
        (1, 5, 7, 1024),
        (1, 5, 7, 2048),
    ]
    features["conv5"] = features["conv5"][:, ::2, ::2]
    for maps, stock_maps in zip(features.values(), expected, strict=True):
        error = np.abs(maps - stock_maps).max() / stock_maps.max()
        assert error < 1e-5


def test_frozen_parts():
    backbone = ResNet(50)
    assert backbone.count_params() == 23_587_712
    trained = [weight.path for weight in backbone.trainable_weights]
    # conv3, conv4 and conv5 have 4, 6 and 3 blocks of 3 convolutions and one
    # projection each; every convolution has a kernel and a bias.
    assert len(trained) == 2 * (3 * (4 + 6 + 3) + 3)
    assert all("conv" in path.split("/")[-2] for path in trained)
    assert not any("conv1_" in path or "conv2_block" in path for path in trained)
    # Batch normalisation uses its statistics even in training.
    images = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3))
    np.testing.assert_array_equal(
        array(backbone(images, training=True)["conv5"]),
        array(backbone(images, training=False)["conv5"]),
    )


def test_nothing_is_frozen_on_request():
    backbone = ResNet(50, freeze=False, input_shape=(64, 96, 3), name="free")
    statistics = [w for w in backbone.non_trainable_weights if "moving" in w.path]
    assert len(statistics) == len(backbone.non_trainable_weights) == 2 * 53
    assert backbone.input_shape == (None, 64, 96, 3)
    assert backbone.name == "free"


def test_unknown_depth():
    with pytest.raises(ValueError, match="`depth` must be one of .*Received: 18"):
        ResNet(18)
