import zipfile

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from offkeras import data, export
from offkeras.export.signatures import signatures, specify
from tests.export import tiny_models


@pytest.mark.parametrize(
    "task",
    ["recognizer", "restorer", pytest.param("detector", marks=pytest.mark.slow)],
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
