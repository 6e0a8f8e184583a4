"""SavedModel to LiteRT, run by `to_litert.py` as a script with TensorFlow alone.

    python -P litert_converter.py FOLDER FILE OPTIONS

FOLDER holds `saved_model` and, for int8, `calibration.npy`.
"""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.schema_py_generated import QuantizationParametersT, TensorType
from ai_edge_litert.tools import flatbuffer_utils

# Private: `TFLiteConverter` calls it with ranges of its own, and leaves nothing out.
from tensorflow.lite.python.convert import mlir_quantize

# A clip is one sample of the whole model; of its frames a stream takes this many.
CALIBRATION_STEPS = 4
# Largest difference from the SavedModel, relative to the largest value. The frames
# are noise, on which a trained model rounded to float16 is some 5e-3 off.
TOLERANCE = {"float32": 1e-4, "float16": 5e-2}
LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
# What XNNPACK, on which LiteRT runs, takes as the ratio of the scale of a layer's
# products to the scale of its output; the interpreter aborts on more.
LARGEST_RATIO = 256


def convert(folder, quantize, names):
    """The model's LiteRT file as bytes."""
    saved_model = str(Path(folder, "saved_model"))
    converter = tf.lite.TFLiteConverter.from_saved_model(
        saved_model, signature_keys=names
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize in ("float16", "dynamic"):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    content = converter.convert()
    if quantize == "int8":
        clips = np.load(Path(folder, "calibration.npy"), allow_pickle=False)
        answer = tf.saved_model.load(saved_model).signatures
        has_boxes = "boxes" in answer["serving_default"].structured_outputs
        content = in_int8(content, samples(answer, names, clips), has_boxes)
    return content


def in_int8(content, inputs, has_boxes):
    """A float file in int8, but for what eight bits cannot hold.

    Those are the coordinates of boxes, which would be rounded to whole pixels and
    more, and what has next to no range. The quantizer leaves alone what was not
    measured, unless a constant gives it a range, and what is named to it.

    `TFLiteConverter` could only do all or nothing. Its own calibrator crashes on
    the loops of a detector, and measures some inputs after they were overwritten.
    """
    model = flatbuffer_utils.convert_bytearray_to_object(content)
    floats = [
        after_convolutions(model, graph) if has_boxes else set()
        for graph in model.subgraphs
    ]
    found = measure(content, model, inputs, floats)
    names = []
    for graph, ranges, kept in zip(model.subgraphs, found, floats, strict=True):
        kept |= collapsed(model, graph, ranges)
        names += [graph.tensors[index].name.decode() for index in kept]
        for index in ranges.keys() - kept:
            quantization = QuantizationParametersT()
            quantization.min, quantization.max = ([x] for x in ranges[index])
            graph.tensors[index].quantization = quantization
    return mlir_quantize(
        bytes(flatbuffer_utils.convert_object_to_bytearray(model)),
        denylisted_nodes=names,
        # Operators of several outputs have no name of their own.
        denylisted_ops=["SPLIT", "TOPK_V2"] if has_boxes else None,
    )


def measure(content, model, inputs, floats):
    """Ranges of what is to be int8: of each graph a dict from tensor to (min, max)."""
    interpreter = Interpreter(
        model_content=content, experimental_preserve_all_tensors=True
    )
    graphs = {s.signatureKey.decode(): s.subgraphIndex for s in model.signatureDefs}
    found = [{} for _ in model.subgraphs]
    for name, values in inputs:
        interpreter.get_signature_runner(name)(**values)
        number = graphs[name]
        graph, ranges = model.subgraphs[number], found[number]
        computed = set(graph.inputs).union(*(op.outputs for op in graph.operators))
        for index in computed - floats[number]:
            if graph.tensors[index].type == TensorType.FLOAT32:
                tensor = interpreter.get_tensor(index, number)
                low, high = ranges.get(index, (np.inf, -np.inf))
                ranges[index] = min(low, tensor.min()), max(high, tensor.max())
    return found


def after_convolutions(model, graph):
    """Tensors of the arithmetic of boxes: no convolution makes or needs them."""
    needed, others = set(), set()
    for operator in reversed(graph.operators):
        name = flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex)
        if name == "CONV_2D" or not needed.isdisjoint(operator.outputs):
            needed.update(operator.inputs)
        else:
            others.update(operator.outputs)
    return others


def collapsed(model, graph, ranges):
    """Outputs of layers with next to no range, as of a gate that never opens."""

    def scale(index):
        low, high = ranges[index]
        return (max(high, 0) - min(low, 0)) / 255

    found = set()
    for operator in graph.operators:
        name = flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex)
        output, *_ = operator.outputs
        if name not in LAYERS or output not in ranges:
            continue
        x, kernel, *_ = operator.inputs
        weights = model.buffers[graph.tensors[kernel].buffer].data.view(np.float32)
        products = scale(x) * np.abs(weights).max() / 127
        if products >= LARGEST_RATIO * scale(output):
            found.add(output)
    return found


def samples(answer, names, clips):
    """Inputs of every signature: clips, and their frames with the state so far."""
    for clip in clips:
        yield "serving_default", {"frames": clip[None]}
        if "step" not in names:
            continue
        frames = clip[: CALIBRATION_STEPS + 1, None]  # (T, H, W, C) -> (T, 1, H, W, C)
        yield "start", {"frame": frames[0]}
        state = answer["start"](frame=tf.constant(frames[0]))
        for frame in frames[1:]:
            inputs = {
                name: value.numpy()
                for name, value in state.items()
                if name.startswith("state_")
            }
            yield "step", {"frame": frame, **inputs}
            state = answer["step"](frame=tf.constant(frame), **inputs)


def check(content, folder, quantize, names):
    """Runs the file as a user does; the float ones must equal the SavedModel."""
    answer = tf.saved_model.load(str(Path(folder, "saved_model"))).signatures
    interpreter = Interpreter(model_content=content)
    shape = answer["serving_default"].structured_input_signature[1]["frames"]
    clip = np.random.default_rng(0).integers(0, 256, shape.shape)
    clip = clip.astype(shape.dtype.as_numpy_dtype)
    for name, inputs in samples(answer, names, clip):
        expected = answer[name](**{key: tf.constant(v) for key, v in inputs.items()})
        actual = interpreter.get_signature_runner(name)(**inputs)
        if set(actual) != set(expected):
            raise ValueError(
                f"signature {name} answers with {sorted(actual)}, expected "
                f"{sorted(expected)}"
            )
        for key, value in expected.items():
            compare(name, key, actual[key], value.numpy(), quantize)


def compare(name, key, actual, expected, quantize):
    """Raises if an output of the file is not the SavedModel's."""
    if actual.shape != expected.shape or not np.isfinite(actual).all():
        raise ValueError(
            f"{key} of {name} must be finite and of shape {expected.shape}; it is of "
            f"shape {actual.shape}"
        )
    # Of nearly equal scores either box may win; rounded weights let others win.
    loose = ("boxes", "classes", "count")
    loose += ("scores",) if quantize == "float16" else ()
    if quantize not in TOLERANCE or key in loose:
        return
    allowed = TOLERANCE[quantize] * np.abs(expected).max(initial=0)
    allowed += expected.dtype == np.uint8  # the rounding may go either way
    error = np.abs(actual.astype(float) - expected).max(initial=0)
    if error > allowed:
        raise ValueError(
            f"{key} of {name} differs from the SavedModel by {error:.1e}, expected at "
            f"most {allowed:.1e}"
        )


def main(folder, path, options):
    """Converts, checks and writes."""
    quantize, names = options["quantize"], options["signatures"]
    content = convert(folder, quantize, names)
    check(content, folder, quantize, names)
    Path(path).write_bytes(content)


if __name__ == "__main__":
    try:
        folder, path, options = *sys.argv[1:3], json.loads(sys.argv[3])
        main(folder, path, options)
    except Exception as error:
        text = " ".join(str(error).split())
        sys.exit(f"{options['reason']}{type(error).__name__}: {text}")
