import dataclasses

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from offkeras import cli, data
from offkeras.commands import export as export_command
from tests.export import tiny_models


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """Output folders of a training a task."""
    folder = tmp_path_factory.mktemp("runs")
    files = {"recognizer": "recognizer", "restorer": "model", "detector": "detector"}
    for task, name in files.items():
        (folder / task).mkdir()
        tiny_models.model(task).save(folder / task / f"{name}.keras")
    labels = "\n".join(tiny_models.CLASS_NAMES)
    (folder / "recognizer" / "labels.txt").write_text(labels + "\n")
    return folder


@pytest.mark.slow
def test_savedmodel_and_onnx(run_folder, tmp_path, capsys):
    model = str(run_folder / "recognizer")
    out = str(tmp_path / "walk")
    cli.main(["export", model, "--to", "savedmodel", "--segments", "3", "--out", out])
    assert capsys.readouterr().out.strip().endswith(f"{out}/1")
    labels = (tmp_path / "walk/1/assets.extra/labels.txt").read_text().split()
    assert labels == list(tiny_models.CLASS_NAMES)
    served = tf.saved_model.load(f"{out}/1").signatures["serving_default"]
    _, inputs = served.structured_input_signature
    assert inputs["frames"].shape.as_list() == [None, 3, 32, 32, 3]

    arguments = ["export", str(run_folder / "restorer"), "--to", "onnx"]
    cli.main([*arguments, "--signature", "step", "--out", out])
    session = onnxruntime.InferenceSession(f"{out}/step.onnx")
    assert {i.name for i in session.get_inputs()} >= {"frame", "state_features"}
    outputs = {output.name for output in session.get_outputs()}
    assert outputs >= {"restored", "next_state_features"}


@pytest.mark.parametrize(
    "task", ["restorer", pytest.param("detector", marks=pytest.mark.slow)]
)
def test_litert_calibrated_on_a_video(task, run_folder, tmp_path):
    height, width = map(str, tiny_models.SIZES[task])
    cli.main(
        ["export", str(run_folder / task), "--to", "litert", "--quantize", "int8"]
        + ["--calibrate", data.sample_video("carphone_pristine.mp4")]
        + ["--size", height, width, "--out", str(tmp_path)]
    )
    interpreter = Interpreter(str(tmp_path / "int8.tflite"))
    details = {d["index"]: d for d in interpreter.get_tensor_details()}
    convolutions = [
        details[operator["outputs"][0]]["dtype"]
        for operator in interpreter._get_ops_details()
        if operator["op_name"] == "CONV_2D"
    ]
    assert convolutions
    assert all(dtype is np.int8 for dtype in convolutions)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "savedmodel", "--quantize", "int8"], "is for --to litert and tens"),
        (["--to", "onnx", "--calibrate", "x.mp4"], "is for --to litert and tensorrt"),
        (
            ["--to", "litert", "--signature", "step"],
            "is for --to tensorrt, onnx and openvino",
        ),
        (["--to", "litert", "--quantize", "int8"], "`size` must be given"),
        (
            ["--to", "litert", "--quantize", "int8", "--size", "24", "32"],
            "must hold clips for quantize='int8'",
        ),
    ],
)
def test_options_that_do_not_fit(arguments, message, run_folder, tmp_path):
    with pytest.raises(SystemExit, match=message):
        cli.main(
            ["export", str(run_folder / "restorer"), *arguments]
            + ["--out", str(tmp_path / "out")]
        )
    assert not list(tmp_path.iterdir())


def test_one_frame_shows_no_motion(run_folder, tmp_path):
    arguments = ["export", str(run_folder / "recognizer"), "--to", "onnx"]
    arguments += ["--out", str(tmp_path / "out"), "--segments"]
    for segments in ("0", "1"):
        with pytest.raises(SystemExit, match="2 or more, for motion to be seen"):
            cli.main([*arguments, segments])
    assert not list(tmp_path.iterdir())


def test_a_file_where_the_folder_goes(run_folder, tmp_path):
    (tmp_path / "out").write_text("old")
    arguments = ["export", str(run_folder / "restorer"), "--to", "onnx"]
    with pytest.raises(SystemExit, match="--out to be a folder. Received: .*out, a f"):
        cli.main([*arguments, "--out", str(tmp_path / "out")])
    assert (tmp_path / "out").read_text() == "old"


def test_unknown_target_and_missing_model(tmp_path, capsys):
    out = ["--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit):
        cli.main(["export", str(tmp_path), "--to", "coreml", *out])
    assert "invalid choice: 'coreml'" in capsys.readouterr().err
    with pytest.raises(
        SystemExit, match="Expected a trained recognizer or detector or model: "
    ):
        cli.main(["export", str(tmp_path), "--to", "onnx", *out])
    assert not list(tmp_path.iterdir())


def test_what_a_format_needs_is_said(run_folder, tmp_path, monkeypatch):
    needs = ("onnx", "no_such_package")
    without = dataclasses.replace(export_command.FORMATS["onnx"], needs=needs)
    monkeypatch.setitem(export_command.FORMATS, "onnx", without)
    arguments = ["export", str(run_folder / "restorer"), "--to", "onnx"]
    with pytest.raises(SystemExit, match="needs no-such-package: pip install no-such"):
        cli.main([*arguments, "--out", str(tmp_path / "out")])
    assert not list(tmp_path.iterdir())
