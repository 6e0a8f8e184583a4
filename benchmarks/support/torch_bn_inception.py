"""BN-Inception in PyTorch, to compare the Keras network with.

Every convolution has a bias and is followed by batch normalisation and ReLU.
Max pooling rounds sizes up, average pooling counts the padding, as in Caffe.
"""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.support.bn_inception_table import MODULES, convolutions


class BNInception(nn.Module):
    """Features of all inception modules, and the logits of a classifier."""

    def __init__(self, num_classes=1000, channels=3):
        super().__init__()
        for name, inputs, outputs, kernel_size, stride in convolutions(channels):
            layers = nn.Sequential(
                nn.Conv2d(inputs, outputs, kernel_size, stride, kernel_size // 2),
                nn.BatchNorm2d(outputs, eps=1e-5),
                nn.ReLU(),
            )
            self.add_module(name, layers)
        self.logits = nn.Linear(1024, num_classes)

    def forward(self, images):
        """Maps (B, C, H, W), mean already subtracted, to a dict by name."""
        x = self.conv1_7x7_s2(images)
        x = functional.max_pool2d(x, 3, 2, ceil_mode=True)
        x = self.conv2_3x3(self.conv2_3x3_reduce(x))
        x = functional.max_pool2d(x, 3, 2, ceil_mode=True)
        outputs = {}
        for module, (*_, pooling, projection) in MODULES.items():
            name = f"inception_{module}"
            x = outputs[name] = self._inception(x, name, pooling, bool(projection))
        outputs["logits"] = self.logits(x.mean((2, 3)))
        return outputs

    def _inception(self, x, name, pooling, projection):
        def conv(suffix, x):
            return getattr(self, f"{name}_{suffix}")(x)

        branches = [conv("1x1", x)] if hasattr(self, f"{name}_1x1") else []
        branches.append(conv("3x3", conv("3x3_reduce", x)))
        double = conv("double_3x3_1", conv("double_3x3_reduce", x))
        branches.append(conv("double_3x3_2", double))
        if pooling == "average":
            pooled = functional.avg_pool2d(x, 3, 1, 1, count_include_pad=True)
        elif projection:
            pooled = functional.max_pool2d(x, 3, 1, 1)
        else:
            pooled = functional.max_pool2d(x, 3, 2, ceil_mode=True)
        branches.append(conv("pool_proj", pooled) if projection else pooled)
        return torch.cat(branches, 1)


def load_keras(module, model):
    """Copies the weights of the Keras network with a classifier into `module`."""
    state = {}
    for name, *_ in convolutions():
        kernel, bias = model.get_layer(name).get_weights()
        state[f"{name}.0.weight"] = kernel.transpose(3, 2, 0, 1)  # HWIO -> OIHW
        state[f"{name}.0.bias"] = bias
        normalisation = model.get_layer(f"{name}_bn").get_weights()
        keys = ("weight", "bias", "running_mean", "running_var")
        for key, value in zip(keys, normalisation, strict=True):
            state[f"{name}.1.{key}"] = value
    kernel, bias = model.get_layer("logits").get_weights()
    state["logits.weight"], state["logits.bias"] = kernel.T, bias
    state = {key: torch.tensor(value) for key, value in state.items()}
    for key, value in module.state_dict().items():
        if key.endswith("num_batches_tracked"):
            state[key] = value
    module.load_state_dict(state)
