import importlib.util

import keras
import numpy as np
import pytest

from benchmarks.support.bn_inception_table import MODULES, convolutions
from offkeras.backbones import BNInception
from offkeras.backbones.bn_inception import LEVELS
from tests.support.helpers import array, random, randomize

FEATURES = {  # name: (size at 224x224, channels)
    "inception_3a": (28, 256),
    "inception_3b": (28, 320),
    "inception_3c": (14, 576),
    "inception_4a": (14, 576),
    "inception_4b": (14, 576),
    "inception_4c": (14, 608),
    "inception_4d": (14, 608),
    "inception_4e": (7, 1056),
    "inception_5a": (7, 1024),
    "inception_5b": (7, 1024),
}


@pytest.fixture(scope="module")
def classifier():
    """The full network with its 1000-way head and random statistics."""
    model = BNInception(num_classes=1000)
    randomize(model)
    return model


def images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, shape).astype("float32")


# === The layers ===


def test_layers_are_the_published_ones(classifier):
    by_type = {
        kind: [layer for layer in classifier.layers if isinstance(layer, kind)]
        for kind in (keras.layers.Conv2D, keras.layers.BatchNormalization)
    }
    convs, norms = by_type.values()
    table = convolutions()
    assert len(convs) == len(norms) == len(table) == 69
    assert {layer.name for layer in convs} == {name for name, *_ in table}
    assert {layer.name for layer in norms} == {f"{name}_bn" for name, *_ in table}
    for name, inputs, outputs, kernel_size, stride in table:
        layer = classifier.get_layer(name)
        assert layer.kernel.shape == (kernel_size, kernel_size, inputs, outputs)
        assert layer.strides == (stride, stride)
        assert layer.use_bias
    for layer in norms:
        assert (layer.epsilon, layer.momentum) == (1e-5, 0.9)


def test_parameters(classifier):
    """Kernels, biases, scales and offsets of the table, and the classifier."""
    expected = 1024 * 1000 + 1000
    for _, inputs, outputs, kernel_size, _ in convolutions():
        expected += kernel_size**2 * inputs * outputs + outputs + 2 * outputs
    assert expected == 11_295_240
    assert sum(np.prod(w.shape) for w in classifier.trainable_weights) == expected


def test_features():
    model = BNInception()
    shapes = {name: tensor.shape for name, tensor in model.output.items()}
    assert shapes == {
        name: (None, size, size, channels)
        for name, (size, channels) in FEATURES.items()
    }
    assert list(model.output) == list(FEATURES)
    sizes = [{FEATURES[tap][0] for tap in taps} for taps in LEVELS]
    assert sizes == [{28}, {14}, {7}]


# === Pooling ===


def test_average_pooling_counts_the_padding(classifier):
    averages = [f"inception_{m}_pool" for m, row in MODULES.items() if "average" in row]
    assert len(averages) == 7
    for name in averages:
        source = classifier.get_layer(f"{name}_pad").input
        pool = keras.Model(source, classifier.get_layer(name).output)
        maps = random(2, *source.shape[1:])
        padded = np.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
        height, width = maps.shape[1:3]
        expected = sum(
            padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)
        )
        np.testing.assert_allclose(array(pool(maps)), expected / 9, atol=1e-5)


def ceil_max_pool(maps):
    """3x3 with stride 2; windows start inside and are cut off at the end."""
    starts = [range(0, 2 * -(-(size - 3) // 2) + 1, 2) for size in maps.shape[1:3]]
    rows = [
        [maps[:, y : y + 3, x : x + 3].max((1, 2)) for x in starts[1]]
        for y in starts[0]
    ]
    return np.stack([np.stack(row, 1) for row in rows], 1)


@pytest.mark.parametrize("size", [(64, 64), (66, 64), (64, 66), (66, 66), (70, 132)])
def test_max_pooling_rounds_up(size):
    """Before the first pooling 66 has become an odd 33; before the second, 70 is 18."""
    model = BNInception(width=0.05, input_shape=(*size, 3))
    for source, pool in (
        ("conv1_7x7_s2_relu", "pool1_3x3_s2"),
        ("conv2_3x3_relu", "pool2_3x3_s2"),
    ):
        outputs = [model.get_layer(name).output for name in (source, pool)]
        maps, pooled = keras.Model(model.input, outputs)(images(2, *size, 3))
        expected = ceil_max_pool(array(maps))
        np.testing.assert_array_equal(array(pooled), expected)


@pytest.mark.parametrize(
    ("size", "known"),
    [
        ((64, 96), (None, None)),
        ((65, 97), (None, None)),
        ((66, 132), (None, 132)),
        ((65, 66), (65, None)),
    ],
)
def test_unknown_size_equals_known_size(size, known):
    """65 and 66 are 33 before the first pooling, 132 is 33 before the second."""
    fixed = BNInception(width=0.05, input_shape=(*size, 3), num_classes=4)
    free = BNInception(width=0.05, input_shape=(*known, 3), num_classes=4)
    randomize(fixed)
    free.set_weights(fixed.get_weights())
    batch = images(2, *size, 3)
    found = free(batch)
    for name, expected in fixed(batch).items():
        np.testing.assert_allclose(array(found[name]), array(expected), rtol=1e-5)


# === Options ===


@pytest.mark.parametrize(("width", "expected"), [(0.5, 512), (0.25, 256), (1.5, 1536)])
def test_width(width, expected):
    model = BNInception(width=width)
    assert model.output["inception_5b"].shape == (None, 7, 7, expected)
    assert model.get_layer("conv1_7x7_s2").filters == 64 * width


def test_very_narrow_network_keeps_a_channel_everywhere():
    model = BNInception(width=0.001, input_shape=(32, 32, 3))
    assert model.output["inception_5b"].shape == (None, 1, 1, 4)


@pytest.mark.parametrize("channels", [3, 10, 15])
def test_channels(channels):
    model = BNInception(width=0.05, input_shape=(32, 32, channels), mean=128.0)
    features = model(images(2, 32, 32, channels))
    assert features["inception_5b"].shape == (2, 1, 1, 51)


@pytest.mark.parametrize(
    ("mean", "subtracted"),
    [((100.0, 50.0, 25.0), [100, 50, 25]), (128.0, 128), (0, 0)],
)
def test_mean(mean, subtracted):
    """A network with a mean equals one without on shifted images."""
    model = BNInception(width=0.05, input_shape=(32, 32, 3), mean=mean)
    plain = BNInception(width=0.05, input_shape=(32, 32, 3), mean=0.0)
    plain.set_weights(model.get_weights())
    batch = images(2, 32, 32, 3)
    np.testing.assert_allclose(
        array(model(batch)["inception_5b"]),
        array(plain(batch - np.array(subtracted, "float32"))["inception_5b"]),
        atol=1e-4,
    )


def test_default_mean_is_that_of_imagenet_in_rgb():
    normalised = BNInception().get_layer("mean")
    red_green_blue = np.full((1, 1, 1, 3), 0.0)
    np.testing.assert_allclose(
        array(normalised(red_green_blue))[0, 0, 0], [-123, -117, -104]
    )


@pytest.mark.parametrize("suffix", ["weights.h5", "keras"])
def test_weights(suffix, tmp_path):
    options = {"width": 0.05, "input_shape": (32, 32, 3), "num_classes": 5}
    model = BNInception(**options)
    randomize(model)
    path = tmp_path / f"bn_inception.{suffix}"
    model.save_weights(path) if suffix == "weights.h5" else model.save(path)
    for argument in (path, str(path)):
        loaded = BNInception(weights=argument, **options)
        for ours, theirs in zip(loaded.weights, model.weights, strict=True):
            np.testing.assert_array_equal(array(ours), array(theirs))


def test_errors(tmp_path):
    with pytest.raises(ValueError, match="`weights` must be .*absent.weights.h5"):
        BNInception(weights=tmp_path / "absent.weights.h5")
    with pytest.raises(ValueError, match="`weights` must be .*'imagenet'"):
        BNInception(weights="imagenet")
    with pytest.raises(ValueError, match="`width` must be positive. Received: 0"):
        BNInception(width=0)
    with pytest.raises(ValueError, match=r"one number or 10 numbers.*\(1, 2, 3\)"):
        BNInception(input_shape=(224, 224, 10), mean=(1, 2, 3))


def test_mixed_precision_keeps_the_logits_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = BNInception(width=0.05, input_shape=(32, 32, 3), num_classes=5)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.output["inception_5b"].dtype == "bfloat16"
    assert model.output["logits"].dtype == "float32"


# === Another framework ===


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)
@pytest.mark.parametrize("size", [(224, 224), (132, 164)])
def test_equals_pytorch(classifier, size):
    """132x164 has odd sizes before the second pooling."""
    import torch

    from benchmarks.support.torch_bn_inception import BNInception as TorchBNInception
    from benchmarks.support.torch_bn_inception import load_keras

    # A mean of zero on both sides: zero padding follows the subtraction.
    model = BNInception(input_shape=(*size, 3), mean=0.0, num_classes=1000)
    model.set_weights(classifier.get_weights())
    module = TorchBNInception().eval()
    load_keras(module, model)
    batch = images(2, *size, 3) - 110
    with torch.no_grad():
        expected = module(torch.tensor(batch.transpose(0, 3, 1, 2)))
    for name, value in model(batch).items():
        target = expected[name].numpy()
        if target.ndim == 4:
            target = target.transpose(0, 2, 3, 1)  # NCHW -> NHWC
        error = np.abs(array(value) - target).max() / np.abs(target).max()
        assert error < 1e-4, name
