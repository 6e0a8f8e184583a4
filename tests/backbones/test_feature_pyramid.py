"""A step of a feature pyramid on EfficientNet-Lite."""

import numpy as np
import pytest

from offkeras import backbones, models
from tests.support.helpers import array, random


@pytest.mark.parametrize("size", [(64, 96), (50, 77)])
def test_the_maps_are_those_of_the_network(size):
    """Lin et al., equation by equation, on the stages of the whole network."""
    net = backbones.create("efficientnet_lite0_fpn", input_shape=(None, None, 3))
    whole = backbones.EfficientNetLite(0, input_shape=(None, None, 3))
    stages = net.get_layer("stages")
    for layer in stages.layers:
        whole.get_layer(layer.name).set_weights(layer.get_weights())
    images = 255 * random(1, *size, 3)
    maps, known = net(images, training=False), whole(images, training=False)
    rows, columns = (-(-side // 4) for side in size)
    assert maps["stride_4"].shape == (1, rows, columns, 24)
    fine, coarse = (
        array(net.get_layer(f"lateral_{stride}")(known[f"stride_{stride}"]))
        for stride in (8, 16)
    )
    up = coarse.repeat(2, axis=1).repeat(2, axis=2)
    merged = net.get_layer("smooth")(fine + up[:, : fine.shape[1], : fine.shape[2]])
    np.testing.assert_allclose(array(maps["merged"]), array(merged), atol=1e-4)


def test_the_stages_stay_as_they_are(tmp_path):
    net = backbones.FeaturePyramid(0, input_shape=(32, 32, 3), channels=8)
    names = {weight.path.split("/")[-2] for weight in net.trainable_weights}
    assert names == {"lateral_8", "lateral_16", "smooth"}
    stages = net.get_layer("stages")
    before = stages.get_weights()
    net.compile("sgd", "mse")
    images = 255 * random(2, 32, 32, 3)
    truth = {"stride_4": np.ones((2, 8, 8, 24)), "merged": np.ones((2, 4, 4, 8))}
    net.fit(images, truth, verbose=0)
    for old, new in zip(before, stages.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    net.save(tmp_path / "net.keras")
    again = models.load_model(tmp_path / "net.keras")
    assert len(again.trainable_weights) == len(net.trainable_weights) == 6
