import pytest

from offkeras import export
from offkeras.export import to_openvino
from tests.export import tiny_models

openvino = pytest.importorskip("openvino")


def test_open_sizes_stay_open_and_weights_are_float32(exported):
    path = exported("restorer", "openvino")
    model = openvino.Core().read_model(str(path))
    (frames,) = model.inputs
    assert frames.names == {"frames"}
    shape = openvino.PartialShape([-1, 3, -1, -1, 3])
    assert frames.partial_shape == shape
    weights = 4 * tiny_models.model("restorer").count_params()
    assert path.with_suffix(".bin").stat().st_size >= weights


def test_arguments_that_do_not_fit(tmp_path):
    model = tiny_models.model("restorer")
    with pytest.raises(ValueError, match="to end in .xml. Received: .*x.onnx"):
        export.openvino(model, tmp_path / "x.onnx")
    with pytest.raises(ValueError, match=r"one of \['serving_default', 'start', 'step"):
        export.openvino(model, tmp_path / "x.xml", signature="end")
    assert not list(tmp_path.iterdir())


def test_files_that_answer_otherwise_are_not_kept(tmp_path, monkeypatch):
    run = to_openvino.runner

    def other_runner(path):
        return lambda **inputs: {k: 255 - v for k, v in run(path)(**inputs).items()}

    monkeypatch.setattr(to_openvino, "runner", other_runner)
    with pytest.raises(RuntimeError, match="restored of the OpenVINO file differs"):
        export.openvino(tiny_models.model("restorer"), tmp_path / "x.xml")
    assert not list(tmp_path.iterdir())
