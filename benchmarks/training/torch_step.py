"""Trains EfficientNet-Lite0 with OFF in PyTorch on request, beside the benchmark.

Writes its version and the number of its weights, then reads lines `"heads"` or
`"end_to_end"` and answers each with the seconds of one step.
"""

import json
import sys
import time

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import nn
from torch.nn import functional as F

# The last blocks of strides 8 and 16.
TAPS, CHANNELS = (4, 10), (40, 112, 1280)
PREWITT_X = torch.tensor([[-1.0, 0, 1]] * 3)
# Of R, G, B in 0..255.
MEAN = 255 * torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = 255 * torch.tensor([0.229, 0.224, 0.225])[:, None, None]
# F_y is up minus down.
PREWITT = torch.stack([PREWITT_X, -PREWITT_X.T])[:, None]  # (2, 1, 3, 3)


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut, without normalisation."""

    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(inputs, filters, 3, stride)
        self.conv2 = nn.Conv2d(filters, filters, 3, padding=1)
        changes = stride != 1 or inputs != filters
        self.projection = nn.Conv2d(inputs, filters, 1, stride) if changes else None

    def forward(self, x):
        """Maps features to features."""
        shortcut = x if self.projection is None else self.projection(x)
        # Keras pads an even size by one behind it where the stride is two.
        before = [1 if self.stride == 1 or size % 2 else 0 for size in x.shape[2:]]
        padded = F.pad(x, (before[1], 1, before[0], 1))
        return F.relu(shortcut + self.conv2(F.relu(self.conv1(padded))))


class Level(nn.Module):
    """OFF of one resolution, its refinement and its classifier."""

    def __init__(self, inputs, refined, filters, width, stride, num_classes):
        super().__init__()
        self.filters = filters
        self.reduce = nn.Conv2d(inputs, filters, 1)
        # Fixed, depthwise: F_x of all channels, then F_y of all.
        kernel = PREWITT.repeat_interleave(filters, 0)
        self.register_buffer("kernel", kernel, persistent=False)
        blocks = [Block(3 * filters + refined, width, stride)]
        self.refine = nn.Sequential(*blocks, *(Block(width, width, 1) for _ in "bc"))
        self.logits = nn.Sequential(nn.Dropout(0.5), nn.Linear(width, num_classes))

    def forward(self, maps, segments, refined):
        """Maps features `(B*T, C, H, W)` to refined maps and logits."""
        x = F.relu(self.reduce(maps)).unflatten(0, (-1, segments))
        # (B, T, C, H, W) -> (B*(T-1), C, H, W)
        before = x[:, :-1].flatten(0, 1).contiguous(memory_format=torch.channels_last)
        change = (x[:, 1:] - x[:, :-1]).flatten(0, 1)
        # Both kernels on every channel: the input twice, one group a channel.
        spatial = F.conv2d(
            torch.cat([before, before], 1),
            self.kernel,
            padding=1,
            groups=2 * self.filters,
        )
        joined = [spatial, change, *([] if refined is None else [refined])]
        refined = self.refine(torch.cat(joined, 1))
        scores = self.logits(refined.mean((2, 3)))
        return refined, scores.unflatten(0, (-1, segments - 1)).mean(1)


class Backbone(nn.Module):
    """EfficientNet-Lite0 without its classifier."""

    def __init__(self, size):
        super().__init__()
        port = EfficientNet.from_name(
            "efficientnet-lite0", image_size=size, drop_connect_rate=0.0
        )
        # In this order; the parts between these are the classifier's.
        self.stem, self.stem_norm, self.blocks, *others = port.children()
        self.top, self.top_norm, *_, self.activation = others

    def forward(self, images):
        """Maps images to maps of strides 8, 16 and 32."""
        x, maps = self.activation(self.stem_norm(self.stem(images))), []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in TAPS:
                maps.append(x)
        return [*maps, self.activation(self.top_norm(self.top(x)))]


class Recognizer(nn.Module):
    """The recognizer of `offkeras.VideoClassifier`."""

    def __init__(self, size, num_classes, filters, width):
        super().__init__()
        self.backbone = Backbone(size)
        refined = (0, width, width)
        self.levels = nn.ModuleList(
            Level(inputs, before, filters, width, stride, num_classes)
            for inputs, before, stride in zip(CHANNELS, refined, (2, 2, 1), strict=True)
        )
        self.appearance = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(CHANNELS[-1], num_classes)
        )

    def forward(self, frames, *, fixed):
        """Maps frames (B, T, C, H, W) to the logits of four classifiers."""
        segments = frames.shape[1]
        images = frames.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        with torch.set_grad_enabled(not fixed):
            maps = self.backbone((images - MEAN) / STD)
        pooled = self.appearance(maps[-1].mean((2, 3)))
        outputs = [pooled.unflatten(0, (-1, segments)).mean(1)]
        refined = None
        for level, x in zip(self.levels, maps, strict=True):
            refined, scores = level(x, segments, refined)
            outputs.append(scores)
        return outputs


class Training:
    """One of the two trainings: the heads alone, or everything."""

    def __init__(self, kind, network):
        self.network, self.fixed = network, kind == "heads"
        network.train()
        network.backbone.train(not self.fixed)
        network.backbone.requires_grad_(not self.fixed)
        trained = [x for x in network.parameters() if x.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, 1e-3, weight_decay=1e-2)

    def step(self, frames, labels):
        """One step; its loss."""
        outputs = self.network(frames, fixed=self.fixed)
        loss = sum(F.cross_entropy(scores, labels) for scores in outputs)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


def main(batch, segments, size, num_classes, filters, width):
    """Answers until the input ends."""

    def network():
        network = Recognizer(size, num_classes, filters, width)
        return network.to(memory_format=torch.channels_last)

    trainings = {kind: Training(kind, network()) for kind in ("heads", "end_to_end")}
    weights = sum(x.numel() for x in trainings["heads"].network.parameters())
    about = {"version": torch.__version__, "weights": weights}
    print(json.dumps(about), flush=True)
    frames = 255 * torch.rand(batch, segments, 3, size, size)
    labels = torch.randint(num_classes, (batch,))
    for line in sys.stdin:
        training = trainings[json.loads(line)]
        start = time.perf_counter()
        training.step(frames, labels)
        print(json.dumps(time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
