"""What every layer of the library must do, in one place."""

import inspect
import json
import os

import keras
import numpy as np
import pytest

# TensorFlow asks the real processor whether oneDNN computes bfloat16, and oneDNN then
# refuses where it is told to imitate one that cannot.
BFLOAT16 = "ONEDNN_MAX_CPU_ISA" not in os.environ
needs_bfloat16 = pytest.mark.skipif(not BFLOAT16, reason="imitates another processor")
POLICIES = ("float32", "mixed_float16", *["mixed_bfloat16"] * BFLOAT16)


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def array(tensor):
    """A float32 NumPy array, bfloat16 included."""
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))


def large_tensors(model):
    """Names and shapes of all tensors of more than four axes in a model, traced."""
    import tensorflow as tf

    inputs = {
        name: tf.TensorSpec((1, *tensor.shape[1:]), tensor.dtype, name=name)
        for name, tensor in model.input.items()
    }
    traced = tf.function(lambda x: model(x, training=False))
    graph = traced.get_concrete_function(inputs).graph.as_graph_def(add_shapes=True)
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    return [
        (node.name, [axis.size for axis in shape.dim])
        for node in nodes
        for shape in node.attr["_output_shapes"].list.shape
        if len(shape.dim) > 4
    ]


def randomize(model, seed=0):
    """Random weights of a fresh network, with every bias and statistic non-trivial.

    The initial logits are near zero and the initial statistics 0 and 1: too
    plain to tell a right network from a wrong one.
    """
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if "seed_generator" in weight.path:
            continue
        if len(weight.shape) > 1:
            fan_in = np.prod(weight.shape[:-1])
            value = rng.normal(0, np.sqrt(2 / fan_in), weight.shape)
        elif weight.name in ("gamma", "moving_variance"):
            value = rng.uniform(0.5, 1.5, weight.shape)
        else:
            value = rng.normal(0, 0.1, weight.shape)
        weight.assign(value)


def check_layer(make, *inputs, output_shape, parameters, tmp_path, statistics=0):
    """Checks a layer as Keras checks its own.

    Args:
        make: function from keyword arguments (`dtype`) to a layer.
        inputs: NumPy arrays, the positional arguments of the call.
        output_shape: expected shape of the output.
        parameters: expected number of trainable parameters; no others may be fixed.
        tmp_path: folder for the saved model.
        statistics: expected number of moving statistics of batch normalisations.
    """
    keras.utils.set_random_seed(2)  # some starts have ReLUs that never fire
    layer = make()
    _check_config(layer)
    expected = layer(*inputs)
    assert expected.shape == output_shape
    assert layer.compute_output_shape(*[x.shape for x in inputs]) == output_shape
    assert layer.count_params() == parameters + statistics
    assert sum(np.prod(w.shape) for w in layer.trainable_weights) == parameters

    for policy in POLICIES:
        _check_policy(make(dtype=policy), inputs, output_shape)
        _check_config(make(dtype=keras.DTypePolicy(policy)))

    for jit_compile in (False, True):
        _check_fit(make(), inputs, jit_compile, training=bool(statistics))

    _check_saving(layer, inputs, expected, tmp_path / "layer.keras")


def _check_config(layer):
    config = layer.get_config()
    clone = type(layer).from_config(config)
    assert json.dumps(clone.get_config()) == json.dumps(config)
    for base in type(layer).__mro__[: type(layer).__mro__.index(keras.layers.Layer)]:
        if "__init__" not in vars(base):
            continue  # Keras's own arguments
        for name, parameter in inspect.signature(base.__init__).parameters.items():
            if name != "self" and parameter.kind is not parameter.VAR_KEYWORD:
                assert name in config
    registered = keras.saving.get_registered_name(type(layer))
    assert registered == f"offkeras>{type(layer).__name__}"


def _check_policy(layer, inputs, output_shape):
    """Symbolic and eager calls agree; variables stay in float32."""
    symbolic = layer(*[keras.Input(batch_shape=x.shape) for x in inputs])
    eager = layer(*inputs)
    assert symbolic.shape == eager.shape == output_shape
    compute_dtype = layer.dtype_policy.compute_dtype
    assert symbolic.dtype == compute_dtype
    assert keras.backend.standardize_dtype(eager.dtype) == compute_dtype
    assert all(weight.dtype == "float32" for weight in layer.trainable_weights)
    # Inner layers must follow the policy of the outer one.
    for inner in layer._flatten_layers():
        assert inner.dtype_policy.name == layer.dtype_policy.name
    assert np.isfinite(array(eager)).all()


def _check_fit(layer, inputs, jit_compile, *, training):
    """The compiled loss is the eager one; a step moves every weight."""
    symbolic = [keras.Input(x.shape[1:]) for x in inputs]
    model = keras.Model(symbolic, layer(*symbolic))
    before = model.get_weights()
    outputs = array(layer(*inputs, **({"training": True} if training else {})))
    # fit wants one row of targets a row of inputs; folding changes the rows.
    targets = np.zeros((inputs[0].shape[0], 1), "float32")
    model.compile(
        keras.optimizers.SGD(0.01),
        loss=lambda _, predicted: keras.ops.mean(keras.ops.square(predicted)),
        jit_compile=jit_compile,
    )
    history = model.fit(
        list(inputs), targets, batch_size=len(targets), epochs=1, verbose=0
    )
    np.testing.assert_allclose(
        history.history["loss"][0], np.mean(outputs**2), rtol=1e-4
    )
    before = [
        old
        for old, weight in zip(before, model.weights, strict=True)
        if weight.trainable
    ]
    for old, weight in zip(before, model.trainable_weights, strict=True):
        assert not np.array_equal(old, array(weight)), weight.path


def _check_saving(layer, inputs, expected, path):
    symbolic = [keras.Input(x.shape[1:]) for x in inputs]
    keras.Model(symbolic, layer(*symbolic)).save(path)
    loaded = keras.saving.load_model(path)
    np.testing.assert_array_equal(array(loaded(list(inputs))), array(expected))
