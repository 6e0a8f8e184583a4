import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.python.schema_py_generated import TensorType
from tensorflow.lite.tools import flatbuffer_utils

from benchmarks.operators.__main__ import describe
from offkeras import data, export
from offkeras.export import to_litert
from offkeras.export.signatures import signatures, specify
from tests.export import tiny_models


@pytest.mark.parametrize(
    "task",
    [
        "restorer",
        *(
            pytest.param(task, marks=pytest.mark.slow)
            for task in ("recognizer", "detector")
        ),
    ],
)
def test_signatures_labels_and_builtin_operators(task, exported):
    path = exported(task, "litert_float32")
    interpreter = Interpreter(str(path))
    found = signatures(tiny_models.model(task))
    listed = interpreter.get_signature_list()
    assert set(listed) == set(found)
    for name, model in found.items():
        assert set(listed[name]["inputs"]) == set(model.input)
        assert set(listed[name]["outputs"]) == set(model.output)
    assert not any(
        "Flex" in op["op_name"] or "CUSTOM" in op["op_name"]
        for op in interpreter._get_ops_details()
    )
    if task == "restorer":
        assert not zipfile.is_zipfile(path)
    else:
        with zipfile.ZipFile(path) as archive:
            labels = archive.read("labels.txt").decode().split()
        assert labels == list(tiny_models.CLASS_NAMES)


def operators(path):
    """Graph, operator and name and types of its outputs, of all of a file."""
    model = flatbuffer_utils.convert_bytearray_to_object(path.read_bytes())
    for graph in model.subgraphs:
        for operator in graph.operators:
            outputs = [graph.tensors[index] for index in operator.outputs]
            yield (
                graph.name.decode(),
                flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex),
                outputs[0].name.decode(),
                {tensor.type for tensor in outputs},
            )


# What a GPU takes in floats: "Supported ops" of TensorFlow's
# lite/g3doc/performance/gpu_advanced.md, and MEAN, which
# lite/tools/versioning/gpu_compatibility.cc has beside these.
# fmt: off
GPU_OPERATORS = {
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "EXP",
    "FULLY_CONNECTED", "LOGISTIC", "LSTM", "MAX_POOL_2D", "MAXIMUM", "MEAN", "MINIMUM",
    "MUL", "PAD", "PRELU", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "SOFTMAX",
    "STRIDED_SLICE", "SUB", "TRANSPOSE_CONV"
}
# fmt: on
# Between bytes and floats, at both ends of a graph.
OF_BYTES = {"CAST", "ROUND"}


@pytest.mark.parametrize(
    "task",
    ["recognizer", "restorer", pytest.param("detector", marks=pytest.mark.slow)],
)
def test_phones_take_the_stream(task, exported):
    path = exported(task, "litert_float32")
    rows = {row["signature"]: row for row in describe(path)}
    assert set(rows) == {"start", "step"}
    for row in rows.values():
        assert row["largest_rank"] == 4
        if task != "detector":
            # The analyzer looks at types and options as well; a newer one takes bytes.
            assert set(counted(row["operators"])) <= GPU_OPERATORS | OF_BYTES
            assert set(counted(row["not_on_gpu"])) <= OF_BYTES
    # Compiled models leave an output unwritten that is an input, or another output.
    model = flatbuffer_utils.convert_bytearray_to_object(path.read_bytes())
    for signature in model.signatureDefs:
        graph = model.subgraphs[signature.subgraphIndex]
        ends = [*graph.inputs, *graph.outputs]
        assert len(set(ends)) == len(ends)
    # Bytes are cast at the ends, once each: between them the graph is one piece.
    casts = {"recognizer": {"CAST": 1}, "restorer": {"CAST": 2, "ROUND": 1}}
    if task in casts:
        assert of_bytes(rows["start"]) == {"CAST": 1}
        assert of_bytes(rows["step"]) == casts[task]


def counted(operators):
    """Names and counts of a cell of the table, such as `2 CAST, 1 ROUND`."""
    pairs = (part.split() for part in operators.split(", ") if part)
    return {name: int(count) for count, name in pairs}


def of_bytes(row):
    """How often a stream has each of the operators between bytes and floats."""
    found = counted(row["operators"])
    return {name: found[name] for name in OF_BYTES & found.keys()}


@pytest.mark.slow
def test_a_detector_computes_features_on_int8_and_boxes_on_floats(tmp_path):
    # So many candidates that their suppression is a loop over boxes.
    model = tiny_models.detector(num_candidates=300)
    fuse = model.get_layer("trunk").get_layer("fuse")
    squeeze, _ = fuse.get_layer("refine_fine_a").excitation
    squeeze.bias.assign(squeeze.bias - 1e6)  # a gate that never opens: no range
    path = export.litert(
        model,
        tmp_path / "detector.tflite",
        quantize="int8",
        size=tiny_models.SIZES["detector"],
        calibration=tiny_models.clips("detector", 2),
    )

    found = list(operators(path))
    graphs = {name for name, *_ in found}
    assert graphs >= {"serving_default", "start", "step"}
    assert any("while_body" in name for name in graphs)
    convolutions = [types for _, kind, _, types in found if "CONV_2D" in kind]
    # Both frames, then one in `start` and one in `step`, through 11 layers each.
    assert len(convolutions) > 4 * 11
    assert all(types == {TensorType.INT8} for types in convolutions)
    names = ("/proposals", "/pool_", "/detections")
    kinds = ("EXP", "FLOOR", "GATHER", "MINIMUM", "SELECT_V2", "SPLIT", "TOPK_V2")
    boxes = [
        types
        for _, kind, name, types in found
        if kind in kinds or any(part in name for part in names)
    ]
    assert len(boxes) > 100
    assert all(TensorType.INT8 not in types for types in boxes)

    interpreter = Interpreter(str(path))
    frames = tiny_models.clips("detector", 1)[:, 0]
    start, step = signatures(model)["start"], interpreter.get_signature_runner("step")
    state = interpreter.get_signature_runner("start")(frame=frames)
    for name, value in start({"frame": frames}).items():
        value = np.asarray(value)
        assert np.abs(state[name] - value).max() <= 0.1 * np.abs(value).max()
    detections = step(frame=frames, **state)
    (count,) = detections["count"]
    assert count > 0
    assert (detections["scores"][0, :count] > 0).all()


def test_ranges_are_those_of_the_keras_model(exported):
    path = exported("restorer", "litert_int8")
    model = flatbuffer_utils.convert_bytearray_to_object(path.read_bytes())
    (graph,) = (g for g in model.subgraphs if g.name == b"serving_default")
    # What is taken away from the frames, in place: it must not be measured as they are.
    (scale,) = (
        graph.tensors[operator.outputs[0]].quantization.scale
        for operator in graph.operators
        if flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex) == "CONV_2D"
        and b"/artifacts" in graph.tensors[operator.outputs[0]].name
    )
    clips = tiny_models.clips("restorer", 8).astype("float32")
    restored = np.asarray(tiny_models.model("restorer")({"frames": clips})["restored"])
    artifacts = clips[:, 1] - restored
    expected = (artifacts.max() - artifacts.min()) / 255
    np.testing.assert_allclose(scale, [expected], rtol=1e-4)


def test_wrong_inputs_are_errors(exported):
    path = str(exported("recognizer", "litert_float32"))
    whole = Interpreter(path).get_signature_runner("serving_default")
    frames = tiny_models.clips("recognizer", 1)
    with pytest.raises(ValueError, match="FLOAT32 but expected type UINT8"):
        whole(frames=frames.astype("float32"))
    with pytest.raises(RuntimeError, match="failed to"):
        whole(frames=frames[:, :, :17])
    step = Interpreter(path).get_signature_runner("step")
    with pytest.raises(ValueError, match="expected 4 vs provided 1"):
        step(frame=frames[:, 0])


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("restorer", dict(quantize="int4"), "`quantize` must be one of.*'int4'"),
        ("restorer", dict(size=None), "`size` must be given"),
        ("recognizer", dict(size=None), "`num_segments` must be given"),
        ("restorer", dict(quantize="int8"), "quantize='int8' without calibration"),
        (
            "restorer",
            dict(calibration=np.zeros((1, 3, 24, 32, 3), np.uint8)),
            "quantize='float32' with calibration",
        ),
        (
            "restorer",
            dict(quantize="int8", calibration=np.zeros((1, 2, 24, 32, 3), np.uint8)),
            r"must be clips .*3, 24, 32, 3.*Received: shape \(1, 2, 24, 32, 3\)",
        ),
        (
            "restorer",
            dict(quantize="int8", calibration=np.zeros((1, 3, 24, 32, 3))),
            "must be of dtype uint8.*Received: float64",
        ),
    ],
)
def test_arguments_that_do_not_fit(task, options, message, tmp_path):
    options = dict(size=(24, 32)) | options
    with pytest.raises(ValueError, match=message):
        export.litert(tiny_models.model(task), tmp_path / "x.tflite", **options)
    assert not list(tmp_path.iterdir())


def test_a_failed_conversion_leaves_nothing(tmp_path, monkeypatch):
    model = tiny_models.model("restorer")
    path = tmp_path / "new" / "x.tflite"
    with monkeypatch.context() as patch:
        patch.setattr("sys.executable", "/bin/false")
        with pytest.raises(RuntimeError, match="conversion to LiteRT failed"):
            export.litert(model, path, size=(24, 32))
    assert not list(tmp_path.iterdir())


def test_the_reason_comes_without_the_log(tmp_path, monkeypatch):
    script = tmp_path / "converter"
    log = "W0000 00:00:1 convert.cc:1 Ignored output_format."
    for last, expected in (
        ("the reason: ValueError: no such operator", "ValueError: no such operator"),
        ("F convert.cc:9 Check failed", "F convert.cc:9 Check failed"),
    ):
        script.write_text(f"#!/bin/sh\necho '{log}' >&2\necho '{last}' >&2\nexit 1")
        script.chmod(0o755)
        with monkeypatch.context() as patch:
            patch.setattr("sys.executable", str(script))
            with pytest.raises(RuntimeError) as error:
                export.litert(
                    tiny_models.model("restorer"), tmp_path / "x", size=(24, 32)
                )
        assert str(error.value) == f"The conversion to LiteRT failed: {expected}"


def test_a_refused_operator_is_named_in_one_line(tmp_path):
    frames = keras.Input((3, 24, 32, 3), dtype="uint8", name="frames")
    folder = tmp_path / "saved_model"
    archive = keras.export.ExportArchive()
    model = keras.Model(frames, keras.layers.Identity()(frames))
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        lambda x: {"y": tf.strings.as_string(x)},
        input_signature=[tf.TensorSpec((1, 2), tf.float32, name="x")],
    )
    archive.write_out(str(folder), verbose=False)
    with pytest.raises(RuntimeError) as error:
        to_litert._convert(tmp_path, tmp_path / "x", "float32", ["serving_default"])
    text = str(error.value)
    assert "AsString" in text and "\n" not in text
    assert text.startswith("The conversion to LiteRT failed: ConverterError: ")


def test_calibration_clips_of_a_video():
    video = data.sample_video("carphone_pristine.mp4")
    for task in tiny_models.TASKS:
        options = dict(
            num_segments=tiny_models.NUM_SEGMENTS[task], size=tiny_models.SIZES[task]
        )
        model = tiny_models.model(task)
        clips = export.calibration_clips([video], model, **options)
        inputs = specify(signatures(model), fixed=True, **options)
        assert clips.dtype == np.uint8
        assert clips.shape[1:] == inputs["serving_default"]["frames"].shape[1:]
        assert len(clips) == 16
        assert len(np.unique(clips[:, 0].reshape(16, -1), axis=0)) == 16
    restorer = tiny_models.model("restorer")
    with pytest.raises(ValueError, match="carphone.* is too small.*2000x32"):
        export.calibration_clips([video], restorer, size=(2000, 32))
    recognizer = tiny_models.model("recognizer")
    with pytest.raises(ValueError, match="carphone.* is too short"):
        export.calibration_clips([video], recognizer, num_segments=99)
