"""The same numbers from TensorFlow, JAX and PyTorch."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.helpers import randomize

SCRIPT = Path(__file__).parent / "support" / "forward_on_backend.py"
TRAINING = Path(__file__).parent / "support" / "train_on_backend.py"


def forward(backend, folder):
    """Outputs of all layers and models on one backend, in a process of its own."""
    outputs = folder / f"{backend}.npz"
    result = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder / "weights.npz"), str(outputs)],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return np.load(outputs, allow_pickle=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Holds the weights that all backends share."""
    spec = importlib.util.spec_from_file_location("forward_on_backend", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "tensorflow")  # nothing is hidden here
        patch.setattr(sys, "path", list(sys.path))
        spec.loader.exec_module(script)
    weights = {}
    for name, model, inputs in script.cases():
        if not model.built:
            model(*inputs)
        randomize(model)
        for index, weight in enumerate(model.weights):
            weights[f"{name}/{index}"] = weight.numpy()
    folder = tmp_path_factory.mktemp("backends")
    np.savez(folder / "weights.npz", **weights)
    return folder


@pytest.fixture(scope="module")
def expected(folder):
    return forward("tensorflow", folder)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backend(backend, folder, expected):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    outputs = forward(backend, folder)
    assert set(outputs) == set(expected)
    for name, value in expected.items():
        assert outputs[name].shape == value.shape
        error = np.abs(outputs[name] - value).max() / np.abs(value).max()
        assert error < 1e-4, name


def train(backend, model, folder):
    """Losses of `train_on_backend.py`, in a process of its own."""
    path = folder / f"{backend}_{model}.npz"
    flags = "--xla_force_host_platform_device_count=2"
    flags += " --xla_backend_optimization_level=0"  # compiles in half the time
    result = subprocess.run(
        [sys.executable, str(TRAINING), model, str(path)],
        env={**os.environ, "KERAS_BACKEND": backend, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return np.load(path, allow_pickle=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    ["restoration", pytest.param("recognition", marks=pytest.mark.exhaustive)],
)
def test_fit_on_jax_over_two_devices(model, tmp_path):
    """`keras.distribution.DataParallel` trains to the losses of one device."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    losses = train("jax", model, tmp_path)
    assert np.isfinite(losses["one"]).all() and np.ptp(losses["one"]) > 0
    np.testing.assert_allclose(losses["two"], losses["one"], rtol=1e-4)
    expected = train("tensorflow", model, tmp_path)
    np.testing.assert_allclose(losses["one"], expected["one"], rtol=1e-4)
