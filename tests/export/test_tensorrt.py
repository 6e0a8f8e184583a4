import collections
import types

import pytest
import tensorflow as tf

from offkeras import export, models
from offkeras.export.to_tensorrt import make_converter, missing
from tests.export import tiny_models

HAS_TENSORRT = bool(tf.sysconfig.get_build_info().get("is_tensorrt_build"))
# Not computed, or the boundary of the graph.
NO_WORK = {"Const", "Placeholder", "NoOp", "Identity", "_Arg", "_Retval"}


@pytest.mark.skipif(bool(missing()) is False, reason="TF-TRT can run here")
def test_says_what_is_missing(tmp_path):
    with pytest.raises(RuntimeError, match="expected .*a GPU that TensorFlow") as info:
        export.tensorrt(tiny_models.model("restorer"), tmp_path, size=(24, 32))
    first = "libnvinfer 8.6" if HAS_TENSORRT else "a CUDA build of TensorFlow up to"
    assert first in str(info.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(quantize="dynamic"), "`quantize` must be one of.*Received: 'dynamic'"),
        (dict(quantize="int8"), "must hold clips for quantize='int8'"),
        (dict(quantize="int8", signature="step"), "must be 'serving_default'"),
        (dict(signature="end"), "`signature` must be one of.*Received: 'end'"),
        (dict(batch_sizes=(0, 8)), r"of at least 1. Received: \(0, 8\)"),
        (dict(size=None), "`size` must be given"),
    ],
)
def test_arguments_are_checked_first(options, message, tmp_path):
    options = dict(size=(24, 32)) | options
    with pytest.raises(ValueError, match=message):
        export.tensorrt(tiny_models.model("restorer"), tmp_path, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(
    not HAS_TENSORRT, reason="this TensorFlow is built without TF-TRT's converter"
)
@pytest.mark.parametrize(
    "task",
    [
        "restorer",
        pytest.param("recognizer", marks=pytest.mark.slow),
        pytest.param("detector", marks=pytest.mark.slow),
    ],
)
def test_the_graph_lands_in_engines(task, exported, monkeypatch, tmp_path):
    """Segmentation alone: it needs neither the libraries nor a GPU, only to start."""
    from tensorflow.python.compiler.tensorrt import trt_convert

    monkeypatch.setattr(trt_convert, "_check_trt_version_compatibility", lambda: None)
    if task == "restorer":  # of full depth: the casts from and to bytes stay outside
        version = export.saved_model(models.OFFArtifactRemover(width=8), tmp_path)
    else:
        version = exported(task, "saved_model")
    converter = make_converter(version, "serving_default", "float32")
    # The converter asks where a new tensor would lie.
    gpu = types.SimpleNamespace(
        zeros=lambda _: types.SimpleNamespace(device="/device:GPU:0")
    )
    with monkeypatch.context() as patch:
        patch.setattr(trt_convert, "array_ops", gpu)
        converter.convert()
    inside, outside = nodes(converter._converted_graph_def, backbone_and_off)
    covered = sum(inside.values()) / (sum(inside.values()) + sum(outside.values()))
    assert sum(inside.values()) > 50
    assert covered >= 0.95, outside


def backbone_and_off(name):
    """Not the search for boxes, which stays with TensorFlow."""
    return "/head" not in name


def nodes(graph, wanted):
    """Counts of the operations inside and outside of the engines."""
    inside, outside = collections.Counter(), collections.Counter()
    for function in graph.library.function:
        if function.signature.name.endswith("_native_segment"):
            inside.update(n.op for n in function.node_def if wanted(n.name))
    outside.update(n.op for n in graph.node if n.op != "TRTEngineOp" and wanted(n.name))
    for counter in (inside, outside):
        for op in NO_WORK:
            counter.pop(op, None)
    return inside, outside
