import keras
import numpy as np
import pytest

from offkeras.backbones.bn_inception import LEVELS
from offkeras.models import OFFActionRecognizer, streaming
from tests.support.helpers import array, large_tensors, randomize

OUTPUTS = ("appearance", "off_1", "off_2", "off_3")


def recognizer(*, num_segments=7, channels=3, **options):
    """A convolution for each feature of BN-Inception; levels of 8, 4 and 2."""
    images = keras.Input((32, 32, channels))
    x = keras.layers.AveragePooling2D(2)(images)
    features = {}
    for tap in (tap for taps in LEVELS for tap in taps):
        strides = 2 if tap in [taps[0] for taps in LEVELS] else 1
        x = keras.layers.Conv2D(8, 3, strides=strides, padding="same")(x)
        features[tap] = x = keras.layers.ReLU()(x)
    model = OFFActionRecognizer(
        5,
        num_segments=num_segments,
        backbone=keras.Model(images, features, name="backbone"),
        **options,
    )
    randomize(model)
    return model


def frames(count, channels=3):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 255, (2, count, 32, 32, channels)).astype("float32")


def stream(start, step, clip):
    """The logits of every step."""
    outputs = start({"frame": clip[:, 0]}, training=False)
    scores = {"appearance": [outputs["appearance"]], "off_1": [], "off_2": []}
    scores["off_3"] = []
    for t in range(1, clip.shape[1]):
        inputs = {k: v for k, v in outputs.items() if k.startswith("state_")}
        inputs["frame"] = keras.ops.convert_to_tensor(clip[:, t])
        outputs = step(inputs, training=False)
        for name in OUTPUTS:
            scores[name].append(outputs[name])
    return scores


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_segments": None},
        {"variant": "released"},
        {"spatial": False},
        {"temporal": False},
        {"modality": "flow", "channels": 10},
        pytest.param({"motion": "tdn"}, marks=pytest.mark.slow),
        pytest.param({"motion": "tea"}, marks=pytest.mark.slow),
        pytest.param({"motion": "motion_squeeze"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_mean_of_the_steps_is_the_score_of_the_clip(options):
    model = recognizer(**options)
    clip = frames(7, options.get("channels", 3))
    expected = model({"frames": clip}, training=False)
    scores = stream(*streaming(model), clip)
    for name in OUTPUTS:
        got = np.mean([array(x) for x in scores[name]], axis=0)
        want = array(expected[name])
        assert np.abs(want).max() > 1e-3
        np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize(
    "options",
    [{"variant": "released"}, {"motion": "tdn"}, {"motion": "motion_squeeze"}],
    ids=str,
)
def test_no_tensor_has_more_than_four_axes(options):
    for model in streaming(recognizer(**options)):
        assert large_tensors(model) == []


@pytest.mark.slow
def test_fifty_frames():
    model = recognizer(num_segments=None)
    clip = frames(50)
    expected = array(model({"frames": clip}, training=False)["off_3"])
    scores = stream(*streaming(model), clip)["off_3"]
    assert len(scores) == 49
    got = np.mean([array(x) for x in scores], axis=0)
    np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())


def test_a_step_shares_the_weights_and_runs_the_backbone_once():
    model = recognizer()
    start, step = streaming(model)
    shared = {id(weight) for weight in model.weights}
    assert {id(weight) for weight in step.weights} == shared
    assert {id(weight) for weight in start.weights} < shared
    calls = []
    network = model.get_layer("backbone")
    call = network.call
    network.call = lambda *args, **kwargs: calls.append(1) or call(*args, **kwargs)
    state = start({"frame": frames(1)[:, 0]})
    state.pop("appearance")
    assert len(calls) == 1
    step({"frame": keras.ops.convert_to_tensor(frames(1)[:, 0]), **state})
    assert len(calls) == 2


def test_state_is_one_reduced_map_a_level():
    _, step = streaming(recognizer(filters=16))
    shapes = {k: v.shape for k, v in step.input.items() if k != "frame"}
    assert shapes == {
        "state_off_layer_1": (None, 8, 8, 16),
        "state_off_layer_2": (None, 4, 4, 16),
        "state_off_layer_3": (None, 2, 2, 16),
    }
    assert set(step.output) == {*OUTPUTS, *shapes}


def test_step_is_saved_and_loaded(tmp_path):
    start, step = streaming(recognizer())
    step.save(tmp_path / "step.keras")
    loaded = keras.saving.load_model(tmp_path / "step.keras")
    clip = frames(4)
    for name, scores in stream(start, step, clip).items():
        again = stream(start, loaded, clip)[name]
        np.testing.assert_array_equal(array(again[-1]), array(scores[-1]))


def test_hypercolumn_network_has_no_state():
    model = recognizer(spatial=False, temporal=False)
    with pytest.raises(ValueError, match="expects an OFFActionRecognizer with OFF"):
        streaming(model)
