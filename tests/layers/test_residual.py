import keras
import numpy as np
import pytest
from scipy import ndimage

from offkeras.layers import BottleneckBlock, ResidualBlock, SEBottleneckBlock
from tests.support.helpers import array, check_layer, random, randomize


@pytest.mark.parametrize(
    ("block", "options", "channels", "output_shape", "parameters"),
    [
        # 3x3 and 3x3, identity shortcut.
        (ResidualBlock, {"filters": 6}, 6, (2, 7, 8, 6), 2 * (9 * 36 + 6)),
        # The channels change: a projection.
        (
            ResidualBlock,
            {"filters": 6},
            4,
            (2, 7, 8, 6),
            (9 * 24 + 6) + (9 * 36 + 6) + (24 + 6),
        ),
        # The resolution changes: a strided projection.
        (
            ResidualBlock,
            {"filters": 6, "strides": 2},
            6,
            (2, 4, 4, 6),
            2 * (9 * 36 + 6) + (36 + 6),
        ),
        (
            BottleneckBlock,
            {"filters": 2},
            8,
            (2, 7, 8, 8),
            (16 + 2) + (9 * 4 + 2) + (16 + 8),
        ),
        (
            BottleneckBlock,
            {"filters": 2, "strides": 2, "bias_initializer": "ones"},
            5,
            (2, 4, 4, 8),
            (10 + 2) + (9 * 4 + 2) + (16 + 8) + (40 + 8),
        ),
        (
            BottleneckBlock,
            {"filters": 2, "expand_kernel_size": 3, "activation": "linear"},
            8,
            (2, 7, 8, 8),
            (16 + 2) + (9 * 4 + 2) + (9 * 16 + 8),
        ),
        # The same, and two dense layers around 8 / 4 channels.
        (
            SEBottleneckBlock,
            {"filters": 2, "reduction": 4, "strides": 2, "bias_initializer": "ones"},
            5,
            (2, 4, 4, 8),
            (10 + 2) + (9 * 4 + 2) + (16 + 8) + (40 + 8) + (16 + 2) + (16 + 8),
        ),
    ],
)
def test_layer(block, options, channels, output_shape, parameters, tmp_path):
    check_layer(
        lambda **dtype: block(**options, **dtype),
        random(2, 7, 8, channels),
        output_shape=output_shape,
        parameters=parameters,
        tmp_path=tmp_path,
    )


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("channels", [3, 4])
def test_residual_block_equals_numpy(strides, channels):
    block = ResidualBlock(4, strides=strides)
    maps = random(2, 6, 8, channels)
    block(maps)
    randomize(block)
    x = relu(convolve(maps, block.convolutions[0], strides))
    x = convolve(x, block.convolutions[1])
    expected = relu(x + shortcut(maps, block, strides))
    np.testing.assert_allclose(array(block(maps)), expected, atol=1e-5)


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("expand_kernel_size", [1, 3])
@pytest.mark.parametrize("activation", ["relu", "linear"])
def test_bottleneck_block_equals_numpy(strides, expand_kernel_size, activation):
    block = BottleneckBlock(
        2, strides=strides, expand_kernel_size=expand_kernel_size, activation=activation
    )
    maps = random(2, 6, 8, 8)
    block(maps)
    randomize(block)
    x = relu(convolve(maps, block.convolutions[0]))
    x = relu(convolve(x, block.convolutions[1], strides))
    x = convolve(x, block.convolutions[2]) + shortcut(maps, block, strides)
    expected = relu(x) if activation == "relu" else x
    assert (expected < 0).any() == (activation == "linear")
    np.testing.assert_allclose(array(block(maps)), expected, atol=1e-5)


@pytest.mark.parametrize("channels", [5, 8])
def test_squeeze_and_excite_block_equals_numpy(channels):
    block = SEBottleneckBlock(2, reduction=4)
    maps = random(2, 6, 8, channels)
    block(maps)
    randomize(block)
    x = relu(convolve(maps, block.convolutions[0]))
    x = relu(convolve(x, block.convolutions[1]))
    x = convolve(x, block.convolutions[2])
    first, second = block.excitation
    gates = relu(x.mean(axis=(1, 2)) @ array(first.kernel) + array(first.bias))
    gates = 1 / (1 + np.exp(-(gates @ array(second.kernel) + array(second.bias))))
    expected = relu(x * gates[:, None, None] + shortcut(maps, block, 1))
    np.testing.assert_allclose(array(block(maps)), expected, atol=1e-5)


def test_squeeze_and_excite_divides_the_channels_by_16():
    block = SEBottleneckBlock(64)
    block.build((None, 4, 4, 256))
    assert [dense.units for dense in block.excitation] == [16, 256]


def test_unknown_size():
    maps = keras.Input((None, None, 8))
    model = keras.Model(maps, BottleneckBlock(4, strides=2)(maps))
    assert model.output_shape == (None, None, None, 16)
    for size in ((6, 8), (7, 5)):
        assert model(random(1, *size, 8)).shape == (
            1,
            -(-size[0] // 2),
            -(-size[1] // 2),
            16,
        )


def test_weights_of_a_block_differ_from_each_other():
    block = ResidualBlock(8)
    block.build((1, 4, 4, 8))
    first, second = (array(c.kernel) for c in block.convolutions)
    assert not np.array_equal(first, second)


def test_initializers_reach_every_weight():
    block = BottleneckBlock(2, kernel_initializer="ones", bias_initializer="ones")
    block.build((1, 4, 4, 5))
    assert all((array(weight) == 1).all() for weight in block.weights)


def relu(x):
    return np.maximum(x, 0)


def shortcut(maps, block, strides):
    if block.projection is None:
        return maps
    return convolve(maps, block.projection, strides)


def convolve(maps, layer, strides=1):
    """A convolution by scipy, padded as TensorFlow pads with "same"."""
    kernel, bias = array(layer.kernel), array(layer.bias)
    outputs = np.zeros((*maps.shape[:3], kernel.shape[-1]))
    for index in np.ndindex(maps.shape[0], maps.shape[-1], kernel.shape[-1]):
        image, source, target = index
        outputs[image, ..., target] += ndimage.correlate(
            maps[image, ..., source], kernel[..., source, target], mode="constant"
        )
    # On an even size the odd positions are the centres of strided 3x3 kernels.
    start = 1 if strides == 2 and kernel.shape[0] == 3 else 0
    return outputs[:, start::strides, start::strides] + bias
