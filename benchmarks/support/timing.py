"""Speed of networks, next to the machine's peak."""

import time
from statistics import median

import numpy as np
import tensorflow as tf

# Private: the public `tf.compat.v1.graph_util` freezes graphs of sessions alone.
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

MATMUL = 2048  # side of the square float32 matrices
RATES = ("gflops", "matmul_gflops", "ratio_to_matmul")


class ModelCase:
    """A Keras model on random inputs of fixed shape.

    Args:
        name: what the table calls it.
        model: functional model; its inputs and outputs are dicts.
        shape: function from the name of an input and its shape to a fixed shape.
        frozen: run a frozen graph, not a `tf.function` that reads the variables.
        columns: what else the table says about it.
    """

    def __init__(self, name, model, shape, *, frozen=False, **columns):
        self.name, self.columns = name, columns
        self.model = model  # the function reads its variables: keep it alive
        specification = {
            key: tf.TensorSpec(shape(key, tensor.shape), tensor.dtype)
            for key, tensor in model.input.items()
        }

        def forward(*inputs):
            named = dict(zip(specification, inputs, strict=True))
            return model(named, training=False)

        function = tf.function(forward).get_concrete_function(*specification.values())
        self.gflop = count_flops(function) / 1e9
        self.function = (
            convert_variables_to_constants_v2(function) if frozen else function
        )
        rng = np.random.default_rng(0)
        self.inputs = [
            tf.constant(
                rng.uniform(0, 255, spec.shape)
                if key.startswith("frame")
                else rng.normal(size=spec.shape),
                spec.dtype,
            )
            for key, spec in specification.items()
        ]

    def seconds(self):
        """Time of one forward pass."""
        start = time.perf_counter()
        outputs = self.function(*self.inputs)
        tf.nest.map_structure(lambda output: output.numpy(), outputs)
        return time.perf_counter() - start


def count_flops(function):
    """Operations of all convolutions and matrix products; a multiply-add is two."""
    total = 0
    for operation in function.graph.get_operations():
        if operation.type not in ("Conv2D", "DepthwiseConv2dNative", "MatMul"):
            continue
        kernel = operation.inputs[1].shape
        # Sums per output: (kh, kw, in) of a convolution, (kh, kw) of a depthwise
        # one, (in) of a matrix product.
        length = {"Conv2D": 3, "DepthwiseConv2dNative": 2, "MatMul": 1}
        sums = kernel[: length[operation.type]].num_elements()
        total += 2 * sums * operation.outputs[0].shape.num_elements()
    return total


def measure(cases, rounds, warm_up):
    """Seconds of every case and of the matrix product before it: medians over rounds.

    A pass of every case makes a round, so that noise hits all alike.
    """
    matrix = tf.random.normal((MATMUL, MATMUL))
    product = tf.function(lambda: tf.matmul(matrix, matrix))
    product()
    times = {case: ([], []) for case in cases}
    for current in range(-warm_up, rounds):
        for case, (passes, products) in times.items():
            start = time.perf_counter()
            product().numpy()
            middle = time.perf_counter()
            seconds = case.seconds()
            if current >= 0:
                products.append(middle - start)
                passes.append(seconds)
    return {case: tuple(map(median, both)) for case, both in times.items()}


def median_seconds(call, rounds):
    """Median time of a call, after one that is a warm-up."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return median(times[1:])


def seconds_of_batches(dataset, count):
    """Time of some batches of a dataset, after two that pay for its start."""
    batches = iter(dataset)
    for _ in range(2):
        next(batches)
    start = time.perf_counter()
    for _ in range(count):
        next(batches)
    return time.perf_counter() - start


def matmul_gflops(seconds):
    """Rate of the matrix product that took these seconds."""
    return 2 * MATMUL**3 / seconds / 1e9


def rates(gflop, seconds, product):
    """The columns `RATES`.

    Args:
        gflop: operations of a pass, in 10^9.
        seconds: time of the pass.
        product: time of the matrix product before it.
    """
    gflops, peak = gflop / seconds, matmul_gflops(product)
    values = (f"{gflops:.0f}", f"{peak:.0f}", f"{gflops / peak:.3f}")
    return dict(zip(RATES, values, strict=True))
