import numpy as np
import pytest

from offkeras.backbones import TinyResNet
from tests.support.helpers import random


@pytest.mark.parametrize(
    ("stride", "sizes"), [(8, ((14, 19), (7, 10))), (16, ((7, 10), (4, 5)))]
)
def test_features(stride, sizes):
    features = TinyResNet(stride=stride)(np.zeros((1, 55, 74, 3)))
    assert {name: maps.shape[1:] for name, maps in features.items()} == {
        "stage1": (*sizes[0], 32),
        "stage2": (*sizes[1], 64),
    }


def test_parameters():
    # Convolution; a strided block with a projection and one without, twice.
    stages = [
        9 * i * o + 9 * o * o + i * o + 3 * o + 2 * (9 * o * o + o)
        for i, o in ((16, 32), (32, 64))
    ]
    assert TinyResNet().count_params() == 25 * 3 * 16 + 16 + sum(stages)
    assert TinyResNet(filters=(4, 6, 8)).output["stage2"].shape[-1] == 8


def test_input_is_0_to_255():
    backbone = TinyResNet(input_shape=(32, 40, 3), name="small")
    assert (backbone.input_shape, backbone.name) == ((None, 32, 40, 3), "small")
    grey = np.full((1, 32, 40, 3), 127.5)
    assert (np.asarray(backbone(grey)["stage2"]) == 0).all()
    assert (np.asarray(backbone(grey + random(*grey.shape))["stage2"]) > 0).any()


def test_unknown_stride():
    with pytest.raises(ValueError, match="`stride` must be 8 or 16. Received: 4"):
        TinyResNet(stride=4)
