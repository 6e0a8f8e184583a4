import keras
import numpy as np
import onnxruntime
import pytest

from offkeras import export, layers
from offkeras.export.float32 import in_float32
from tests.export import tiny_models


def test_open_sizes_stay_open(exported):
    session = onnxruntime.InferenceSession(str(exported("restorer", "onnx")))
    (frames,) = session.get_inputs()
    assert frames.name == "frames"
    for shape in ((1, 3, 24, 32, 3), (2, 3, 17, 41, 3)):
        (restored,) = session.run(None, {"frames": np.zeros(shape, np.uint8)})
        assert restored.shape == (shape[0], *shape[2:])


def test_arguments_that_do_not_fit(tmp_path):
    model = tiny_models.model("restorer")
    with pytest.raises(ValueError, match=r"one of \['serving_default', 'start', 'step"):
        export.onnx(model, tmp_path / "x.onnx", signature="end")
    assert not list(tmp_path.iterdir())


def test_a_file_that_answers_otherwise_is_not_kept(tmp_path, monkeypatch):
    class OtherSession(onnxruntime.InferenceSession):
        def run(self, *args):
            return [255 - output for output in super().run(*args)]

    monkeypatch.setattr(onnxruntime, "InferenceSession", OtherSession)
    with pytest.raises(RuntimeError, match="restored of the ONNX file differs"):
        export.onnx(tiny_models.model("restorer"), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_model_in_half_precision_is_exported_in_float32(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    try:
        model = tiny_models.restorer(2)
    finally:
        keras.config.set_dtype_policy("float32")
    copy = in_float32(model)
    assert {layer.dtype_policy.name for layer in copy._flatten_layers()} == {"float32"}
    frames = tiny_models.clips("restorer", 1)[:, :2]
    expected = np.asarray(copy({"frames": frames.astype("float32")})["restored"])
    rough = np.asarray(model({"frames": frames.astype("float32")})["restored"])
    assert 0 < np.abs(rough - expected).max() < 5  # of 255
    path = export.onnx(model, tmp_path / "x.onnx")
    (restored,) = onnxruntime.InferenceSession(str(path)).run(None, {"frames": frames})
    assert np.abs(restored - expected.clip(0, 255)).max() <= 0.51
    assert in_float32(copy) is copy


def test_places_that_no_region_fills_are_numbers(tmp_path):
    """ONNX writes a choice as a sum of products, infinity times nothing included."""
    shapes = {"logits": (3, 3), "deltas": (3, 4), "rois": (3, 4), "frame": (32, 32, 3)}
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    inputs["valid"] = keras.Input((3,), dtype="bool", name="valid")
    detections = layers.Detections(max_detections=20)(
        *(inputs[name] for name in ("logits", "deltas", "rois", "valid", "frame"))
    )
    model = keras.Model(inputs, detections)
    rng = np.random.default_rng(0)
    corners = np.sort(rng.uniform(0, 32, (1, 3, 2, 2)), axis=2)
    examples = {
        "logits": rng.normal(size=(1, 3, 3)),
        "deltas": rng.normal(size=(1, 3, 4)),
        "rois": corners.reshape(1, 3, 4),
        "frame": np.zeros((1, 32, 32, 3)),
    }
    examples = {name: value.astype("float32") for name, value in examples.items()}
    examples["valid"] = np.array([[True, True, False]])
    expected = model(examples)
    assert 0 < expected["count"][0] < 3 * 2 < 20
    path = tmp_path / "detections.onnx"
    model.export(str(path), format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(str(path))
    found = session.run(None, {i.name: examples[i.name] for i in session.get_inputs()})
    names = [output.name for output in session.get_outputs()]
    for name, value in zip(names, found, strict=True):
        np.testing.assert_allclose(value, expected[name], atol=1e-5, err_msg=name)
