"""Runs layers, the recognizer and the detectors on the backend of KERAS_BACKEND.

python tests/forward_on_backend.py weights.npz outputs.npz

TensorFlow is hidden from the other backends: they must not need it.
"""

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import numpy as np

BACKEND = os.environ["KERAS_BACKEND"]


class WithoutTensorFlow(PathFinder):
    """Finds every module but one."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.split(".")[0] == "tensorflow":
            return None
        return super().find_spec(name, path, target)


if BACKEND != "tensorflow":
    sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutTensorFlow
sys.path.insert(0, str(Path(__file__).parents[2]))

import keras  # noqa: E402

from offkeras import backbones, layers, models  # noqa: E402
from tests.support.detection import SMALL, small_backbone  # noqa: E402


def cases():
    """Name, layer or model, inputs."""
    rng = np.random.default_rng(0)

    def random(*shape):
        return rng.normal(size=shape).astype("float32")

    for operator in ("prewitt", "sobel", "cross"):
        gradient = layers.SpatialGradient(operator)
        yield f"spatial_gradient_{operator}", gradient, [random(2, 7, 6, 5)]
        yield (
            f"off_{operator}",
            layers.OFF(4, operator=operator),
            [random(2, 3, 7, 6, 5)],
        )
    yield "temporal_difference", layers.TemporalDifference(), [random(2, 3, 4, 5, 6)]
    yield "fold_time", layers.FoldTime(), [random(2, 3, 4, 5, 6)]
    yield "unfold_time", layers.UnfoldTime(), [random(6, 4), random(2, 3, 4)]
    yield "segment_consensus", layers.SegmentConsensus(), [random(2, 3, 4)]
    for strides in (1, 2):
        yield (
            f"residual_block_{strides}",
            layers.ResidualBlock(6, strides=strides),
            [random(2, 7, 8, 6)],
        )
        yield (
            f"bottleneck_block_{strides}",
            layers.BottleneckBlock(2, strides=strides),
            [random(2, 7, 8, 8)],
        )
    frames = rng.uniform(0, 255, (2, 3, 64, 64, 3)).astype("float32")
    for variant in ("paper", "released"):
        backbone = backbones.BNInception(width=0.125, input_shape=(64, 64, 3))
        model = models.OFFActionRecognizer(
            5, num_segments=3, variant=variant, backbone=backbone
        )
        yield f"recognizer_{variant}", model, [{"frames": frames}]
    frames = rng.uniform(0, 255, (2, 2, 64, 80, 3)).astype("float32")
    for name, size, pooling in (
        ("fixed", (64, 80), "matmul"),
        ("open", (None, None), "integral"),
    ):
        options = {**SMALL, "pooling": pooling}
        for make, count in ((models.RFCN, 1), (models.OFFVideoDetector, 2)):
            backbone = small_backbone(input_shape=(*size, 3))
            model = make(3, backbone=backbone, **options)
            yield f"{make.__name__}_{name}", model, [{"frames": frames[:, :count]}]


def no_draw(initializer, shape, dtype=None):
    """The weights come from a file; JAX would compile a kernel for every shape."""
    return keras.ops.zeros(shape, dtype)


def main(weights_file, outputs_file):
    assert keras.backend.backend() == BACKEND
    keras.initializers.VarianceScaling.__call__ = no_draw
    keras.initializers.RandomNormal.__call__ = no_draw
    weights = np.load(weights_file, allow_pickle=False)
    outputs = {}
    for name, model, inputs in cases():
        if not model.built:
            model(*inputs)
        for index, weight in enumerate(model.weights):
            if "seed_generator" not in weight.path:
                weight.assign(weights[f"{name}/{index}"])
        result = model(*inputs)
        if not isinstance(result, dict):
            result = {"output": result}
        for key, value in result.items():
            outputs[f"{name}/{key}"] = keras.ops.convert_to_numpy(value)
    np.savez(outputs_file, **outputs)


if __name__ == "__main__":
    main(*sys.argv[1:])
