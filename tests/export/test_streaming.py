"""Frame by frame in each runtime equals the whole clip, over 50 frames."""

import keras
import numpy as np
import pytest

from offkeras import inference
from offkeras.export.signatures import signatures
from offkeras.models import streaming
from tests.export import tiny_models
from tests.support.helpers import large_tensors

NUM_FRAMES = 50
# The other conversions take ten seconds and more each.
QUICK = (
    ("recognizer", "litert_float32"),
    ("restorer", "litert_float32"),
    ("restorer", "openvino"),
)
CASES = [
    pytest.param(
        task,
        runtime,
        marks=()
        if runtime in ("keras", "saved_model") or (task, runtime) in QUICK
        else pytest.mark.slow,
    )
    for task in tiny_models.TASKS
    for runtime in ("keras", "saved_model", "litert_float32", "onnx", "openvino")
]


@pytest.fixture(scope="module")
def serving_models():
    return {task: signatures(tiny_models.model(task)) for task in tiny_models.TASKS}


def random_frames(task):
    shape = (NUM_FRAMES, *tiny_models.SIZES[task], 3)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def stream(run, frames):
    """Outputs of `start`, then of a `step` a frame."""
    outputs = [run("start", {"frame": frames[0][None]})]
    for frame in frames[1:]:
        state = {k: v for k, v in outputs[-1].items() if k.startswith("state_")}
        outputs.append(run("step", {"frame": frame[None], **state}))
    return outputs


@pytest.mark.parametrize(("task", "runtime"), CASES)
def test_streaming_equals_the_whole_clip(task, runtime, answer, serving_models):
    def run(signature, inputs):
        if runtime == "keras":
            outputs = serving_models[task][signature](inputs, training=False)
            return {name: np.asarray(value) for name, value in outputs.items()}
        outputs = answer(task, runtime, inputs, signature)
        return {name.removeprefix("next_"): value for name, value in outputs.items()}

    frames = random_frames(task)
    model, floats = tiny_models.model(task), frames.astype("float32")
    if task == "recognizer":
        steps = stream(run, frames)
        outputs = model({"frames": floats[None]}, training=False)
        actual = {
            name: np.mean([s[name] for s in steps if name in s], axis=0)
            for name in outputs
        }
        assert len(steps) == NUM_FRAMES
        for name, value in outputs.items():
            close(actual[name], np.asarray(value))
    elif task == "restorer":
        # The last frame once more: it has no successor but itself.
        steps = stream(run, [*frames, frames[-1]])[1:]
        padded = np.concatenate([floats[:1], floats, floats[-1:]])
        for index, step in enumerate(steps):
            clip = padded[index : index + 3][None]
            restored = np.asarray(model({"frames": clip}, training=False)["restored"])
            error = np.abs(step["restored"] - restored.clip(0, 255)).max()
            assert step["restored"].dtype == np.uint8
            assert error <= 0.5 + 255e-5
    else:
        steps = stream(run, frames)[1:]
        pairs = np.stack([floats[:-1], floats[1:]], axis=1)
        outputs = model({"frames": pairs}, training=False)
        actual = {
            name: np.concatenate([step[name] for step in steps]) for name in outputs
        }
        scores = np.asarray(outputs["scores"])
        close(actual["scores"], scores)
        # Of nearly equal scores either box may come first.
        gaps = np.diff(scores, axis=1, prepend=2, append=-1)
        clear = (np.minimum(-gaps[:, :-1], -gaps[:, 1:]) > 1e-4) & (scores > 0)
        assert clear.mean() > 0.5
        for name in ("boxes", "classes"):
            close(actual[name][clear], np.asarray(outputs[name])[clear])


def close(actual, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize("name", ["jpeg2000_q40", "moving_objects"])
def test_files_of_before_stream_on_phones(name):
    """Their graphs are from before the layer `Gradients`."""
    model = inference.trained_model(name).load()
    start, step = streaming(model)
    assert large_tensors(start) == large_tensors(step) == []
    frames = tiny_models.clips("detector", 1, num_frames=3)[0].astype("float32")
    count = model.input["frames"].shape[1]
    outputs = start({"frame": frames[:1]})
    for frame in frames[1:]:
        state = {k: v for k, v in outputs.items() if k.startswith("state_")}
        outputs = step({"frame": keras.ops.convert_to_tensor(frame[None]), **state})
    expected = model({"frames": frames[None, -count:]})
    result = "restored" if count == 3 else "scores"
    close(np.asarray(outputs[result]), np.asarray(expected[result]))


@pytest.mark.parametrize("task", tiny_models.TASKS)
def test_a_model_can_be_saved_after_it_was_streamed(task, tmp_path):
    model = tiny_models.model(task)
    streaming(model)
    model.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    assert again.count_params() == model.count_params()
