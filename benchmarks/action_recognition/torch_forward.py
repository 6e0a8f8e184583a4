"""Times BN-Inception in PyTorch on request, as a process beside the benchmark.

Writes its version, then reads lines `{"graph": "plain" | "frozen", "frames": 7}`
and answers each with the seconds of one forward pass.
"""

import json
import sys
import time

import torch

from benchmarks.support.torch_bn_inception import BNInception


class Logits(torch.nn.Module):
    """The classifier's output alone: a traced graph returns one tensor."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        """Maps images (B, C, H, W) to logits."""
        return self.network(images)["logits"]


def main(size, num_classes):
    """Answers until the input ends."""
    print(json.dumps({"version": torch.__version__}), flush=True)
    eager = Logits(BNInception(num_classes)).eval()
    eager = eager.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        traced = torch.jit.trace(eager, images(1, size))
        frozen = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
        networks = {"plain": eager, "frozen": frozen}
        for line in sys.stdin:
            request = json.loads(line)
            batch = images(request["frames"], size)
            start = time.perf_counter()
            networks[request["graph"]](batch)
            print(json.dumps(time.perf_counter() - start), flush=True)


def images(batch, size):
    """Random images in the layout that is fastest on a CPU."""
    shape = (batch, 3, size, size)
    return torch.rand(shape).contiguous(memory_format=torch.channels_last)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
