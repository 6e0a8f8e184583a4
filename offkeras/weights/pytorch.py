"""BN-Inception and TSN from the PyTorch checkpoints that were published.

Three namings are known; all of them descend from the Caffe layers, with `/`
written as `_`:

- ImageNet by yjxiong: `conv1_7x7_s2.weight`, `conv1_7x7_s2_bn.running_mean` ...,
  classifier `fc`, batch normalisation of shape `(1, C)`;
- ImageNet by Cadene: the same with classifier `last_linear` and shape `(C,)`;
- TSN: prefix `base_model.`, classifier `base_model.fc-action.1`,
  `base_model.fc_action.1` or `new_fc`; in a checkpoint of a training run, which
  holds more than the weights, every name begins with `module.`.

These networks take BGR. Their first convolution is turned to RGB here. The mean
is that of the Caffe training, 104, 117, 123 in BGR, which `BNInception` subtracts
by default (Cadene's file lists 128 for red; it was not trained with it).
"""

import re
from pathlib import Path

import keras
import numpy as np

from offkeras.weights.archives import check_name, check_zip, is_zip, read_npz
from offkeras.weights.cross_modality import cross_modality_kernel

SUFFIXES = (".pth", ".pt", ".tar", ".npz")
FIRST = "conv1_7x7_s2.weight"
CLASSIFIER = re.compile(r"(fc|last_linear|fc[-_]action|new_fc)(\.1)?\.(weight|bias)")
BGR = (3, 15)  # channels that come in threes: an image, five differences
SHOWN = 5  # names in an error


def load_bn_inception(model, path):
    """Loads a PyTorch checkpoint into `backbones.BNInception`.

    A network for 10 or 15 channels also takes the weights of one for RGB, see
    `cross_modality_kernel`. A classifier in the file is left out when the model
    has none.

    Args:
        model: a `BNInception`.
        path: the checkpoint, see `read_state`.

    Raises:
        ValueError: if the file does not fit the model: the first names that are
            missing or too many, and wrong shapes.

    Example:

    ```python
    model = backbones.BNInception(input_shape=(224, 224, 10), mean=128.0)
    weights.load_bn_inception(model, "bn_inception-9f5701afb96c8044.pth")
    ```
    """
    names = {layer.name for layer in model.layers}
    head = model.get_layer("logits") if "logits" in names else None
    state = read_state(path)
    if head is None:
        state = {name: v for name, v in state.items() if not name.startswith("logits")}
    _assign(_variables(model, head), state, path)


def load_tsn(model, path):
    """Loads a PyTorch checkpoint of a trained TSN: backbone and classifier.

    Args:
        model: a `models.TSN`, or an `OFFActionRecognizer` of which the appearance
            stream is loaded.
        path: the checkpoint, see `read_state`.

    Raises:
        ValueError: if the file does not fit the model.
    """
    backbone = next(x for x in model.layers if isinstance(x, keras.Model))
    head = model.get_layer("appearance_logits")
    _assign(_variables(backbone, head), read_state(path), path)


def read_state(path):
    """Arrays of a checkpoint by one naming.

    Args:
        path: a `.pth`, `.pt` or `.tar` file of `torch.save`, or an `.npz` file of
            the same arrays under the same names.

    Returns:
        Dict of NumPy arrays in PyTorch's layout: `<layer>.weight`, `<layer>.bias`,
        `<layer>_bn.running_mean` ..., and the classifier as `logits`. Counters of
        batches are left out.

    Raises:
        ImportError: if the file needs PyTorch, which is not installed.
        ValueError: if the file holds something else than arrays.
    """
    check_name(path)
    raw = read_npz(path) if Path(path).suffix == ".npz" else _read_torch(path)
    state = {}
    for name, value in raw.items():
        if name.endswith(".num_batches_tracked"):
            continue
        name = name.removeprefix("module.").removeprefix("base_model.")
        if match := CLASSIFIER.fullmatch(name):
            name = f"logits.{match[3]}"
        if name in state:
            raise ValueError(f"{path} holds {name!r} twice, under two prefixes.")
        if value.ndim == 2 and not name.startswith("logits"):
            value = value.reshape(-1)  # batch normalisation, (1, C) -> (C,)
        state[name] = value
    return state


def _read_torch(path):
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"Reading {path} needs PyTorch (pip install torch), or the same arrays "
            "as an .npz file."
        ) from error
    if is_zip(path):
        check_zip(path)  # PyTorch compares no checksum
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # of many types: the file may hold anything
        raise ValueError(
            f"{path} is not a checkpoint of tensors alone. "
            f"Received: {str(error).strip().partition(chr(10))[0]:.300}"
        ) from error
    # A training run saves its epoch beside the weights.
    loaded = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(loaded, dict) or not all(
        isinstance(value, torch.Tensor) for value in loaded.values()
    ):
        raise ValueError(
            f"{path} must hold a dict of tensors, or one under 'state_dict'. "
            f"Received: {type(loaded).__name__}."
        )
    for name, value in loaded.items():
        stored = value.untyped_storage().nbytes()
        if value.layout != torch.strided or stored < value.numel() * value.itemsize:
            raise ValueError(f"{path} holds only a part of the tensor {name!r:.80}.")
    return {name: value.float().numpy() for name, value in loaded.items()}


def _variables(backbone, head):
    """Variables of the network by the name that PyTorch gives them."""
    variables = {}
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.Conv2D):
            variables[f"{layer.name}.weight"] = layer.kernel
            variables[f"{layer.name}.bias"] = layer.bias
        elif isinstance(layer, keras.layers.BatchNormalization):
            variables[f"{layer.name}.weight"] = layer.gamma
            variables[f"{layer.name}.bias"] = layer.beta
            variables[f"{layer.name}.running_mean"] = layer.moving_mean
            variables[f"{layer.name}.running_var"] = layer.moving_variance
    if head is not None:
        variables["logits.weight"] = head.kernel
        variables["logits.bias"] = head.bias
    return variables


def _assign(variables, state, path):
    """Every array to its variable, or nothing at all and an error."""
    missing = [name for name in variables if name not in state]
    extra = [name for name in state if name not in variables]
    values, wrong = {}, []
    for name in variables.keys() & state.keys():
        shape = tuple(variables[name].shape)
        values[name] = _to_keras(name, state[name], shape)
        if values[name].shape != shape:
            wrong.append(f"{name} {values[name].shape} for {shape}")
    problems = [
        f"{len(found)} {kind}: {', '.join(sorted(found)[:SHOWN])}"
        for kind, found in (
            ("missing", missing),
            ("not of this network", extra),
            ("of another shape (in Keras's order)", wrong),
        )
        if found
    ]
    if problems:
        raise ValueError(f"{path} does not fit the model: " + "; ".join(problems) + ".")
    for name, variable in variables.items():
        variable.assign(values[name])


def _to_keras(name, value, shape):
    if value.ndim == 2:
        return value.T
    if value.ndim != 4:
        return value
    kernel = value.transpose(2, 3, 1, 0)  # OIHW -> HWIO
    if name == FIRST:
        channels = kernel.shape[2]
        if channels in BGR:
            # (BGR, BGR, ...) -> (RGB, RGB, ...)
            order = np.arange(channels).reshape(-1, 3)[:, ::-1].ravel()
            kernel = kernel[:, :, order]
        if channels == 3 and shape[2] in (10, 15):
            kernel = cross_modality_kernel(kernel, shape[2])
    return kernel
