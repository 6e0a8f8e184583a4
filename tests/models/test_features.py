import keras
import numpy as np
import pytest

from offkeras import models
from offkeras.models.features import scale_reductions, split, with_classes
from tests.support.recognizer import toy_backbone

FRAMES = np.random.default_rng(0).uniform(0, 255, (2, 3, 32, 32, 3)).astype("float32")


def recognizer(**options):
    keras.utils.set_random_seed(0)
    return models.OFFActionRecognizer(
        4, num_segments=3, backbone=toy_backbone(), filters=8, **options
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"variant": "released", "filters": 128},
        {"spatial": False, "temporal": False},
        {"refinement_filters": (4, 4, 4)},
    ],
    ids=["paper", "released", "hypercolumn", "narrow"],
)
def test_heads_of_the_features_are_the_recognizer(options):
    model = models.OFFActionRecognizer(
        4, num_segments=3, backbone=toy_backbone(), **{"filters": 8, **options}
    )
    extract, heads = split(model)
    expected = model({"frames": FRAMES})
    got = heads(extract({"frames": FRAMES}))
    assert list(got) == list(expected)
    for name, logits in expected.items():
        np.testing.assert_allclose(got[name], logits, rtol=1e-5, atol=1e-6)


def test_heads_hold_all_that_is_not_the_backbone():
    model = recognizer()
    _, heads = split(model)
    backbone = models.backbone_of(model)
    assert heads.count_params() == model.count_params() - backbone.count_params()


def test_other_classes_leave_the_rest():
    old = recognizer()
    new = with_classes(old, 7)
    assert {name: x.shape[-1] for name, x in new.output.items()} == dict.fromkeys(
        old.output, 7
    )
    for layer in old.layers:
        same = all(
            np.array_equal(a, b)
            for a, b in zip(
                layer.get_weights(),
                new.get_layer(layer.name).get_weights(),
                strict=True,
            )
        )
        assert same != layer.name.endswith("_logits")
    split(new)  # it is a graph of its own


def test_other_classes_of_any_length():
    old = recognizer()
    new = with_classes(old, 4, any_length=True)
    assert new.input["frames"].shape[1] is None
    for output in ("appearance", "off_1", "off_2", "off_3"):
        name = f"{output}_logits"
        new.get_layer(name).set_weights(old.get_layer(name).get_weights())
    for name, logits in old({"frames": FRAMES}).items():
        np.testing.assert_allclose(new({"frames": FRAMES})[name], logits, rtol=1e-5)
    longer = np.concatenate([FRAMES, FRAMES], axis=1)
    assert new({"frames": longer})["off_3"].shape == (2, 4)


def test_reductions_start_at_the_scale_of_the_maps():
    model = recognizer()
    before = model.get_layer("off_layer_2").reduce.kernel.numpy()
    maps = models.backbone_of(model)(FRAMES.reshape(6, 32, 32, 3))["stride_16"].numpy()
    scale_reductions(model, FRAMES)
    after = model.get_layer("off_layer_2").reduce.kernel.numpy()
    np.testing.assert_allclose(
        after, before / np.sqrt((maps.astype(np.float64) ** 2).mean()), rtol=1e-4
    )


@pytest.mark.parametrize("widths", [(4, 4), (4, 4, 4, 4)])
def test_refinement_has_three_widths(widths):
    with pytest.raises(ValueError, match="three numbers"):
        recognizer(refinement_filters=widths)
