"""Recognizers with other motion layers in the place of OFF."""

import keras
import numpy as np
import pytest

from offkeras.models import streaming
from offkeras.models.features import split
from offkeras.models.motion import MOTION_LAYERS, MOTIONS
from tests.models.test_action_streaming import frames, recognizer, stream
from tests.support.helpers import array

OTHERS = tuple(MOTION_LAYERS)


@pytest.mark.parametrize("motion", OTHERS)
def test_levels_are_refined_from_what_the_layer_makes_of_the_features(motion):
    """All else is the hypercolumn's: only the layers have weights beside it."""
    model = recognizer(motion=motion, num_segments=3)
    control = recognizer(spatial=False, temporal=False, num_segments=3)
    found = [x for x in model.layers if isinstance(x, MOTION_LAYERS[motion])]
    assert [x.name for x in found] == [f"{motion}_layer_{n}" for n in (1, 2, 3)]
    assert all(layer.output.shape[1] == 2 for layer in found)  # a map a pair
    added = sum(layer.count_params() for layer in found)
    assert model.count_params() == control.count_params() + added
    for level, layer in enumerate(found, start=1):
        assert layer.input is model.get_layer(f"features_{level}_unfold").output
        assert model.get_layer(f"fold_{level}").input is layer.output


def test_saved_and_cut_in_two(tmp_path):
    model = recognizer(motion="tdn", num_segments=3)
    clip = frames(3)
    expected = model({"frames": clip}, training=False)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    extract, heads = split(model)
    for outputs in (loaded({"frames": clip}), heads(extract({"frames": clip}))):
        for name, logits in expected.items():
            np.testing.assert_allclose(array(outputs[name]), array(logits), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("motion", OTHERS)
def test_a_step_is_saved_and_loaded(motion, tmp_path):
    start, step = streaming(recognizer(motion=motion))
    step.save(tmp_path / "step.keras")
    loaded = keras.saving.load_model(tmp_path / "step.keras")
    clip = frames(4)
    for name, scores in stream(start, step, clip).items():
        again = stream(start, loaded, clip)[name]
        np.testing.assert_array_equal(array(again[-1]), array(scores[-1]))


def test_state_is_what_the_layers_remember():
    _, step = streaming(recognizer(motion="tdn"))
    shapes = {k: v.shape[1:] for k, v in step.input.items() if "layer_1" in k}
    assert shapes == {
        "state_tdn_layer_1_features": (8, 8, 16),
        "state_tdn_layer_1_reduced": (8, 8, 1),
        "state_tdn_layer_1_backward": (8, 8, 1),
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"motion": "flow"}, f"Expected motion to be one of .{MOTIONS[0]!r}.*'flow'"),
        ({"motion": "tea", "variant": "released"}, "'tea'.*variant='released'"),
        ({"motion": "tea", "spatial": False}, "others are for OFF.*spatial=False"),
        ({"motion": "tea", "temporal": False}, "others are for OFF.*temporal=False"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        recognizer(**options)
