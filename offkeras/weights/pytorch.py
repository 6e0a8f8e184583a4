"""BN-Inception and TSN from the PyTorch checkpoints that were published.

Three namings are known; all of them descend from the Caffe layers, with `/`
written as `_`:

- ImageNet by yjxiong: `conv1_7x7_s2.weight`, `conv1_7x7_s2_bn.running_mean` ...,
  classifier `fc`, batch normalisation of shape `(1, C)`;
- ImageNet by Cadene: the same with classifier `last_linear` and shape `(C,)`;
- TSN: prefix `base_model.`, classifier `base_model.fc-action.1`,
  `base_model.fc_action.1` or `new_fc`; mmaction: `backbone.` and `cls_head.fc_cls`.

Checkpoints of training runs, which hold more than the weights and put `module.` or
`model.` before every name, are read as well; so are `/` and `.` between the parts of
a layer's name.

These networks take BGR. Their first convolution is turned to RGB here. The mean
is that of the Caffe training, 104, 117, 123 in BGR, which `BNInception` subtracts
by default (Cadene's file lists 128 for red; it was not trained with it, but networks
that tsn-pytorch trained further were: `training.import_weights --mean 128 117 104`).
"""

import re
from pathlib import Path

import keras
import numpy as np

from offkeras import modalities
from offkeras.weights.archives import check_name, read_npz
from offkeras.weights.cross_modality import cross_modality_kernel
from offkeras.weights.torch_file import read_torch

SUFFIXES = (".pth", ".pt", ".tar", ".npz")
FIRST = "conv1_7x7_s2.weight"
CLASSIFIER = re.compile(
    r"(fc|last_linear|fc[-_]action|new_fc|cls_head\.fc_cls)(\.1)?\.(weight|bias)"
)
# Put before every name by DataParallel, torch.compile, TSN, mmaction, Lightning.
PREFIXES = re.compile(r"^(module|_orig_mod|model|net|base_model|backbone)\.")
# Under which a training run puts the weights, beside its epoch and its options.
CONTAINERS = ("state_dict", "model_state_dict", "model", "net")
BGR = (3, 15)  # channels that come in threes: an image, five differences
SHOWN = 5  # names in an error


def load_bn_inception(model, path):
    """Loads a PyTorch checkpoint into `backbones.BNInception`.

    A network for the channels of another modality also takes the weights of one for
    RGB, see `cross_modality_kernel`. A classifier in the file is left out when the
    model has none.

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
    assign(_variables(model, head), _rgb(state), path, first=FIRST)


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
    assign(_variables(backbone, head), _rgb(read_state(path)), path, first=FIRST)


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
        OSError: if the file cannot be opened.
        ValueError: if the file holds something else than arrays.
    """
    state = {}
    for name, value in read_arrays(path).items():
        if name.endswith(".num_batches_tracked"):
            continue
        name = _common_name(name)
        if name in state:
            raise ValueError(f"{path} holds {name!r} twice, under two prefixes.")
        if value.ndim == 2 and not name.startswith("logits"):
            value = value.reshape(-1)  # batch normalisation, (1, C) -> (C,)
        state[name] = value
    return state


def read_arrays(path):
    """The arrays of a checkpoint under their own names; arguments as `read_state`."""
    check_name(path)
    if Path(path).suffix == ".npz":
        return {k: v.astype("float32") for k, v in read_npz(path).items()}
    saved = read_torch(path)
    inner = saved if isinstance(saved, dict) else {}
    for state in (saved, *(inner.get(key) for key in CONTAINERS)):
        if isinstance(state, dict) and all(
            isinstance(name, str) and isinstance(value, np.ndarray)
            for name, value in state.items()
        ):
            return {name: value.astype("float32") for name, value in state.items()}
    raise ValueError(
        f"{path}: expected a dict of tensors, or one under "
        f"{', '.join(map(repr, CONTAINERS))}. Received: "
        + (f"a dict with {list(inner)[:SHOWN]}." if inner else f"{saved!r:.80}.")
    )


def _common_name(name):
    """A name without the wrappers of its run, layers in Caffe's spelling."""
    while (shorter := PREFIXES.sub("", name)) != name:
        name = shorter
    if match := CLASSIFIER.fullmatch(name):
        return f"logits.{match[3]}"
    layer, _, kind = name.replace("/", "_").rpartition(".")
    return f"{layer.replace('.', '_')}.{kind}"


def _variables(backbone, head):
    """Variables of the network by the name that PyTorch gives them."""
    variables = {}
    for layer in (*backbone.layers, *([head] if head is not None else [])):
        variables |= variables_of(layer, layer.name if layer is not head else "logits")
    return variables


def variables_of(layer, name):
    """Variables of a layer by the names that PyTorch gives them under `name`."""
    names = {"kernel": "weight", "bias": "bias"}
    if isinstance(layer, keras.layers.BatchNormalization):
        names = {"gamma": "weight", "beta": "bias"}
        names |= {"moving_mean": "running_mean", "moving_variance": "running_var"}
    return {f"{name}.{names[v.name]}": v for v in layer.weights}


def _rgb(state):
    """The arrays with a first convolution that takes R, G, B instead of B, G, R."""
    kernel = state.get(FIRST)
    if kernel is None or kernel.ndim != 4 or kernel.shape[1] not in BGR:
        return state
    # (BGR, BGR, ...) -> (RGB, RGB, ...)
    order = np.arange(kernel.shape[1]).reshape(-1, 3)[:, ::-1].ravel()
    return {**state, FIRST: kernel[:, order]}


def assign(variables, state, path, *, first):
    """Every array to its variable, or nothing at all and an error.

    Args:
        variables: dict from PyTorch's names to variables of Keras.
        state: dict from the same names to arrays in PyTorch's layout.
        path: of the file, for the error.
        first: name of the first kernel: one for RGB serves other modalities too.

    Raises:
        ValueError: if something is missing, too much, or of another shape.
    """
    missing = [name for name in variables if name not in state]
    extra = [name for name in state if name not in variables]
    values, wrong = {}, []
    for name in variables.keys() & state.keys():
        shape = tuple(variables[name].shape)
        values[name] = _to_keras(state[name], shape, is_first=name == first)
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


def _to_keras(value, shape, *, is_first):
    if value.ndim == 2:
        return value.T
    if value.ndim != 4:
        return value
    kernel = value.transpose(2, 3, 1, 0)  # OIHW -> HWIO
    if kernel.shape[2] == 1 and shape[3] == 1:  # depthwise
        return kernel.transpose(0, 1, 3, 2)
    is_other = shape[2] != 3 and modalities.of_channels(shape[2])
    if is_first and kernel.shape[2] == 3 and is_other:
        return cross_modality_kernel(kernel, shape[2])
    return kernel
