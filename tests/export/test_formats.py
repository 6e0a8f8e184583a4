"""Every task in every format against the Keras model, on frames of a real video."""

import numpy as np
import pytest

from tests.export import tiny_models

# Largest error, of the largest value. Quantised weights are judged by the metric of
# the task on trained models (`benchmarks/export.py`); random ones only roughly.
BOUNDS = {
    "saved_model": 1e-4,
    "onnx": 1e-4,
    "openvino": 1e-4,
    "litert_float32": 1e-4,
    "litert_float16": 5e-3,
    "litert_dynamic": 0.1,
    "litert_int8": 0.2,
}
# The others take a conversion of ten seconds and more each.
QUICK = ("saved_model", "onnx", "openvino", "litert_float32")
CASES = [
    pytest.param(
        task,
        target,
        id=f"{task}-{target}",
        marks=()
        if target == "saved_model" or (target in QUICK and task != "detector")
        else pytest.mark.slow,
    )
    for task in tiny_models.TASKS
    for target in BOUNDS
    # Rounding lets other boxes win: below on the features, or by mAP.
    if task != "detector" or target not in ("litert_float16", "litert_int8")
]


def reference(task, frames):
    """What the Keras model says, finished in NumPy."""
    outputs = tiny_models.model(task)({"frames": frames.astype("float32")})
    outputs = {name: np.asarray(value) for name, value in outputs.items()}
    if task == "recognizer":
        logits = outputs["appearance"] + outputs["off_3"]
        exponents = np.exp(logits - logits.max(-1, keepdims=True))
        probabilities = exponents / exponents.sum(-1, keepdims=True)
        return {"logits": logits, "probabilities": probabilities}
    if task == "restorer":
        return {"restored": outputs["restored"].clip(0, 255)}
    return outputs


@pytest.mark.parametrize(("task", "target"), CASES)
def test_answers_as_the_model_does(task, target, answer):
    frames = tiny_models.clips(task)
    expected = reference(task, frames)
    if target.startswith("litert"):  # one clip at a time
        answers = [answer(task, target, {"frames": clip[None]}) for clip in frames]
        actual = {name: np.concatenate([a[name] for a in answers]) for name in expected}
    else:
        actual = answer(task, target, {"frames": frames})
    assert set(actual) == set(expected)
    for name, value in expected.items():
        assert actual[name].shape == value.shape
        error = np.abs(actual[name] - value.astype(float)).max()
        allowed = BOUNDS[target] * np.abs(value).max()
        if name == "restored":
            assert actual[name].dtype == np.uint8
            allowed += 0.5  # rounding
        if task == "detector" and BOUNDS[target] > 1e-3 and name != "scores":
            continue  # of nearly equal boxes another one may win
        assert error <= allowed, name
    if task == "detector":
        assert (expected["count"] > 0).all()  # there was something to compare


@pytest.mark.slow
@pytest.mark.parametrize(
    "target",
    [pytest.param("litert_float16", marks=pytest.mark.exhaustive), "litert_int8"],
)
def test_features_of_the_detector(target, answer):
    frames = tiny_models.clips("detector", 1)[:, 0]
    expected = answer("detector", "saved_model", {"frame": frames}, "start")
    actual = answer("detector", target, {"frame": frames}, "start")
    assert set(actual) == set(expected)
    for name, value in expected.items():
        error = np.abs(actual[name] - value).max()
        assert error <= BOUNDS[target] * np.abs(value).max()
