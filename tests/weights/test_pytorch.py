"""Random checkpoints under the published namings against PyTorch's own answers."""

import argparse
import functools
import sys

import numpy as np
import pytest
import torch

from benchmarks.support.torch_bn_inception import BNInception as TorchBNInception
from offkeras import backbones, models, weights
from offkeras.training import import_weights
from offkeras.training.actions import train as action_recognition
from offkeras.training.actions.presets import Options
from tests.support.helpers import array

BN = "bn_inception"
MEAN_BGR = np.float32([104, 117, 123])
NAMINGS = ("yjxiong", "cadene", "tsn", "tsn_kinetics", "tsn_run") + (
    "mmaction",
    "lightning",
    "slashes",
    "dots",
)


def torch_network(num_classes=7, channels=3, seed=0):
    """A network whose statistics and biases are not those of a fresh one."""
    generator = torch.Generator().manual_seed(seed)
    network = TorchBNInception(num_classes, channels).eval()
    for name, value in network.state_dict().items():
        if name.endswith("running_var") or name.endswith(".1.weight"):
            value.uniform_(0.5, 1.5, generator=generator)
        elif value.ndim > 1:
            fan_in = value[0].numel()
            value.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
        elif value.is_floating_point():
            value.normal_(0, 0.1, generator=generator)
    return network


HEADS = {
    "yjxiong": "fc",
    "cadene": "last_linear",
    "tsn": "base_model.fc-action.1",
    "tsn_kinetics": "base_model.fc_action.1",
    "tsn_run": "module.new_fc",
    "mmaction": "cls_head.fc_cls",
    "lightning": "model._orig_mod.module.module.new_fc",
    "slashes": "fc",
    "dots": "module.new_fc",
}
PREFIXES = {
    "tsn": "base_model.",
    "tsn_kinetics": "base_model.",
    "tsn_run": "module.base_model.",
    "mmaction": "backbone.",
    "lightning": "model._orig_mod.module.module.base_model.",
    "dots": "module.",
}


def published(network, naming):
    """The state of the network under one of the published namings."""
    prefix = PREFIXES.get(naming, "")
    state = {}
    for name, value in network.state_dict().items():
        layer, *index, kind = name.split(".")
        between = {"slashes": "/", "dots": "."}.get(naming)
        if between and layer.startswith("inception_"):
            # inception_3a_1x1 -> inception_3a/1x1
            layer = between.join((layer[:12], layer[13:]))
        if layer == "logits":
            state[f"{HEADS[naming]}.{kind}"] = value
        elif index == ["0"]:
            state[f"{prefix}{layer}.{kind}"] = value
        elif kind == "num_batches_tracked":
            if naming in ("cadene", "tsn_run"):
                state[f"{prefix}{layer}_bn.{kind}"] = value
        else:
            value = value if naming in ("cadene", "tsn_run") else value[None]
            state[f"{prefix}{layer}_bn.{kind}"] = value
    if naming == "tsn_run":
        state = {"epoch": 80, "arch": "BNInception", "state_dict": state}
    if naming == "lightning":
        options = argparse.Namespace(learning_rate=0.1)
        state = {"best": np.float64(71.3), "args": options, "model": state}
    return state


@pytest.fixture(scope="module")
def network():
    return torch_network()


@pytest.fixture(scope="module")
def checkpoint(network, tmp_path_factory):
    """Function from a naming to the path of a checkpoint."""
    folder = tmp_path_factory.mktemp("checkpoints")

    def write(naming):
        path = folder / f"{naming}.pth"
        if not path.exists():
            torch.save(published(network, naming), path)
        return path

    return write


def rgb(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype("float32")


def assert_close(ours, theirs):
    """To 1e-4 of the largest value."""
    for name, value in ours.items():
        target = theirs[name].numpy()
        if target.ndim == 4:
            target = target.transpose(0, 2, 3, 1)  # NCHW -> NHWC
        assert np.abs(array(value) - target).max() <= 1e-4 * np.abs(target).max(), name


def forward(network, images):
    """PyTorch's features and logits of images as they were trained: BGR - mean."""
    with torch.no_grad():
        return network(torch.tensor(np.ascontiguousarray(images.transpose(0, 3, 1, 2))))


@pytest.mark.parametrize("naming", NAMINGS)
def test_features_and_logits_are_those_of_pytorch(naming, network, checkpoint):
    """The user passes RGB in 0..255, PyTorch gets BGR without the mean."""
    # Zero padding comes after the subtraction on both sides.
    images = rgb(2, 64, 64, 3)
    expected = forward(network, images[..., ::-1] - MEAN_BGR)
    model = backbones.BNInception(
        weights=checkpoint(naming), input_shape=(64, 64, 3), num_classes=7
    )
    outputs = model(images, training=False)
    assert len(outputs) == 11
    assert_close(outputs, expected)


@pytest.mark.parametrize("naming", NAMINGS)
def test_every_tensor_is_accounted_for(naming, checkpoint):
    """416 tensors: 69 convolutions, as many normalisations, the classifier."""
    state = weights.read_state(checkpoint(naming))
    assert len(state) == 69 * 2 + 69 * 4 + 2 == 416
    model = backbones.BNInception(
        weights=checkpoint(naming), input_shape=(32, 32, 3), num_classes=7
    )
    assert len(model.weights) == 416
    sums = sorted(float(value.sum(dtype="float64")) for value in state.values())
    ours = sorted(float(array(w).sum(dtype="float64")) for w in model.weights)
    np.testing.assert_allclose(ours, sums, rtol=1e-5, atol=1e-5)


def test_tsn_head(network, checkpoint):
    """TSN: the mean of the segments' logits, through classifier and backbone."""
    backbone = backbones.BNInception(input_shape=(64, 64, 3))
    clip = rgb(1, 3, 64, 64, 3)
    expected = forward(network, clip[0, ..., ::-1] - MEAN_BGR)["logits"].mean(0)
    for make in (models.TSN, models.OFFActionRecognizer):
        model = make(7, num_segments=3, backbone=backbone)
        weights.load_tsn(model, checkpoint("tsn"))
        logits = array(model({"frames": clip}, training=False)["appearance"])[0]
        assert np.abs(logits - expected.numpy()).max() < 1e-4 * np.abs(logits).max()


def test_differences_are_bgr_too(tmp_path):
    """15 channels: five differences, each of three colours."""
    network = torch_network(channels=15)
    torch.save(published(network, "tsn"), tmp_path / "diff.pth")
    differences = rgb(1, 32, 32, 15) - 128
    bgr = differences.reshape(1, 32, 32, 5, 3)[..., ::-1].reshape(differences.shape)
    model = backbones.BNInception(
        weights=tmp_path / "diff.pth", input_shape=(32, 32, 15), mean=0.0
    )
    assert_close(model(differences, training=False), forward(network, bgr))


def test_flow_keeps_its_order(tmp_path):
    network = torch_network(channels=10)
    torch.save(published(network, "tsn"), tmp_path / "flow.pth")
    flow = rgb(1, 32, 32, 10)
    model = backbones.BNInception(
        weights=tmp_path / "flow.pth", input_shape=(32, 32, 10), mean=128.0
    )
    assert_close(model(flow, training=False), forward(network, flow - 128))


@pytest.mark.parametrize("channels", [10, 15, 20])
def test_rgb_weights_for_another_modality(channels, network, checkpoint):
    """The kernel is averaged over the colours; everything else is as it was."""
    model = backbones.BNInception(
        weights=checkpoint("yjxiong"), input_shape=(32, 32, channels), mean=0.0
    )
    kernel = network.state_dict()["conv1_7x7_s2.0.weight"].numpy()
    expected = kernel.sum(1).transpose(1, 2, 0) / 3
    ours = array(model.get_layer("conv1_7x7_s2").kernel)
    assert ours.shape == (7, 7, channels, 64)
    for channel in range(channels):
        np.testing.assert_allclose(ours[:, :, channel], expected, atol=1e-6)
    kernel = network.state_dict()["conv2_3x3.0.weight"].numpy()
    np.testing.assert_array_equal(
        array(model.get_layer("conv2_3x3").kernel), kernel.transpose(2, 3, 1, 0)
    )


def test_npz_needs_no_pytorch(network, checkpoint, tmp_path, monkeypatch):
    state = torch.load(checkpoint("cadene"), weights_only=True)
    np.savez(tmp_path / "a.npz", **{k: v.numpy() for k, v in state.items()})
    monkeypatch.setitem(sys.modules, "torch", None)
    for path in (tmp_path / "a.npz", checkpoint("cadene")):
        np.testing.assert_array_equal(
            weights.read_state(path)["conv1_7x7_s2.weight"],
            network.state_dict()["conv1_7x7_s2.0.weight"].numpy(),
        )


def test_names_what_does_not_fit(network, checkpoint, tmp_path):
    state = published(network, "cadene")
    del state["inception_4c_3x3.bias"]
    state["inception_9z_3x3.bias"] = torch.zeros(3)
    state["conv2_3x3.weight"] = torch.zeros(192, 64, 5, 5)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(ValueError) as error:
        backbones.BNInception(weights=tmp_path / "odd.pth")
    message = str(error.value)
    assert "odd.pth does not fit the model" in message
    assert "1 missing: inception_4c_3x3.bias" in message
    assert "1 not of this network: inception_9z_3x3.bias" in message
    assert "conv2_3x3.weight (5, 5, 64, 192) for (3, 3, 64, 192)" in message
    with pytest.raises(ValueError, match=r"logits.weight \(1024, 7\) for \(1024, 5\)"):
        backbones.BNInception(weights=checkpoint("tsn"), num_classes=5)
    with pytest.raises(ValueError, match=r"conv1_7x7_s2.weight \(7, 7, 3, 64\) for"):
        backbones.BNInception(
            weights=checkpoint("tsn"), input_shape=(32, 32, 4), mean=0.0
        )
    with pytest.raises(ValueError, match="414 missing: "):
        torch.save({}, tmp_path / "empty.pth")
        backbones.BNInception(weights=tmp_path / "empty.pth")


class Other:
    """Something that only pickle could bring back."""


def test_files_of_another_kind(tmp_path):
    path = tmp_path / "other.pth"
    torch.save(Other(), path)
    with pytest.raises(ValueError, match=r"expected a dict of tensors.*'Other'"):
        weights.read_state(path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match="other.pth is not a checkpoint of tensors"):
        weights.read_state(path)
    torch.save({"epoch": 3}, path)
    with pytest.raises(ValueError, match="other.pth: expected a dict of tensors, or"):
        weights.read_state(path)
    torch.save({"fc.bias": torch.ones(3), "last_linear.bias": torch.ones(3)}, path)
    with pytest.raises(ValueError, match="'logits.bias' twice"):
        weights.read_state(path)


@pytest.mark.slow
def test_command_writes_weights_of_keras(checkpoint, tmp_path, capsys):
    flow = tmp_path / "flow.weights.h5"
    import_weights.main([str(checkpoint("yjxiong")), str(flow), "--modality", "flow"])
    assert "parameters of bn_inception" in capsys.readouterr().out
    options = {"input_shape": (32, 32, 10), "mean": 128.0}
    ours = backbones.BNInception(weights=flow, **options)
    direct = backbones.BNInception(weights=checkpoint("yjxiong"), **options)
    for a, b in zip(ours.weights, direct.weights, strict=True):
        np.testing.assert_array_equal(array(a), array(b))

    tsn = tmp_path / "tsn.weights.h5"
    import_weights.main([str(checkpoint("tsn")), str(tsn), "--num-classes", "7"])
    model = models.TSN(7, num_segments=None)
    model.load_weights(tsn)
    bias = weights.read_state(checkpoint("tsn"))["logits.bias"]
    np.testing.assert_array_equal(
        array(model.get_layer("appearance_logits").bias), bias
    )


@pytest.mark.slow
def test_command_notes_the_mean_of_the_training(network, checkpoint, tmp_path):
    """tsn-pytorch subtracts 128 of red."""
    images = rgb(1, 64, 64, 3)
    bgr = np.float32([104, 117, 128])
    expected = forward(network, images[..., ::-1] - bgr)
    out, source = tmp_path / "rgb.weights.h5", str(checkpoint("tsn"))
    mean = ["--mean", "128", "117", "104"]
    import_weights.main([source, str(out), *mean])
    for make in (backbones.BNInception, functools.partial(backbones.create, BN)):
        model = make(weights=out, input_shape=(64, 64, 3))
        assert_close(model(images, training=False), expected)
    # An argument goes before what is noted.
    model = backbones.BNInception(weights=out, input_shape=(64, 64, 3), mean=0.0)
    assert_close(model(images - bgr[::-1], training=False), expected)

    first = tmp_path / "tsn.weights.h5"
    import_weights.main([source, str(first), "--num-classes", "7", *mean])
    o = Options(first_stage=str(first), size=64)
    tsn, _ = action_recognition.make_models(7, o)
    action_recognition.load_first_stage(tsn, o.first_stage)
    logits = array(tsn({"frames": images[None]}, training=False)["appearance"])
    assert_close({"logits": logits}, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--mean", "128", "117"], "--mean expects 1 or 3 numbers. Received: [128.0, "),
        (["--mean", "nan"], "--mean expects 1 or 3 numbers. Received: [nan]"),
    ],
)
def test_command_refuses_other_means(options, message, checkpoint, tmp_path, capsys):
    with pytest.raises(SystemExit):
        out = str(tmp_path / "a.weights.h5")
        import_weights.main([str(checkpoint("tsn")), out, *options])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["absent.pth", "odd_name"])
def test_command_refuses_wrong_names(name, checkpoint, tmp_path, capsys):
    source = tmp_path / name if name == "absent.pth" else checkpoint("yjxiong")
    with pytest.raises(SystemExit):
        import_weights.main([str(source), str(tmp_path / "out.h5")])
    assert ("no such file" if name == "absent.pth" else "end in .weights.h5 or") in (
        capsys.readouterr().err
    )
