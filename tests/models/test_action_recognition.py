import keras
import numpy as np
import pytest

from offkeras.backbones import BNInception
from offkeras.backbones.bn_inception import LEVELS
from offkeras.layers import OFF
from offkeras.models import TSN, OFFActionRecognizer
from tests.support.helpers import array, needs_bfloat16, randomize

CHANNELS = {"rgb": 3, "rgb_diff": 15, "flow": 10}
OUTPUTS = ["appearance", "off_1", "off_2", "off_3"]


def backbone(modality="rgb"):
    """A convolution for each feature of BN-Inception; levels of 8, 4 and 2."""
    images = keras.Input((64, 64, CHANNELS[modality]))
    x = keras.layers.Rescaling(1 / 128, offset=-1)(images)
    x = keras.layers.AveragePooling2D(4)(x)
    outputs = {}
    for taps in LEVELS:
        for tap in taps:
            strides = 2 if tap == taps[0] else 1
            x = outputs[tap] = keras.layers.Conv2D(
                16,
                3,
                strides=strides,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
            )(x)
    return keras.Model(images, outputs)


def recognizer(num_segments=3, modality="rgb", network=None, **options):
    model = OFFActionRecognizer(
        5,
        num_segments=num_segments,
        modality=modality,
        backbone=network or backbone(modality),
        **options,
    )
    randomize(model)
    return model


def clips(batch, segments, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, (batch, segments, 64, 64, channels)).astype("float32")


def scores(model, frames):
    return {key: array(value) for key, value in model({"frames": frames}).items()}


def assert_equal_scores(ours, theirs):
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        np.testing.assert_allclose(
            ours[key], value, atol=1e-4 * np.abs(value).max(), err_msg=key
        )


def parameters(model):
    """Trainable parameters of the OFF and classification sub-networks."""
    return sum(
        np.prod(weight.shape)
        for layer in model.layers
        if not isinstance(layer, keras.Model) and layer.name != "appearance_logits"
        for weight in layer.trainable_weights
    )


# === The released graphs, to the parameter ===


@pytest.mark.parametrize(
    ("modality", "expected"),
    [("rgb", 9_870_095), ("flow", 8_831_471), ("rgb_diff", 8_831_471)],
)
def test_released_parameters(modality, expected):
    model = OFFActionRecognizer(101, modality=modality, variant="released")
    assert model.input["frames"].shape == (None, 7, 224, 224, CHANNELS[modality])
    assert parameters(model) == expected


# === Names and shapes ===


def test_tsn():
    model = TSN(5, num_segments=3, backbone=backbone())
    randomize(model)
    assert model.output_names == ["appearance"]
    frames = clips(2, 3)
    result = scores(model, frames)["appearance"]
    assert result.shape == (2, 5)
    # The score of a clip is the mean of the scores of its frames.
    one = TSN(5, num_segments=1, backbone=backbone())
    one.set_weights(model.get_weights())
    single = [scores(one, frames[:, t : t + 1])["appearance"] for t in range(3)]
    np.testing.assert_allclose(result, np.mean(single, axis=0), rtol=1e-4)


@pytest.mark.parametrize("modality", CHANNELS)
def test_default_backbone(modality):
    model = TSN(101, modality=modality)
    assert model.input["frames"].shape == (None, 3, 224, 224, CHANNELS[modality])
    mean = model.get_layer("bn_inception").get_layer("mean")
    zeros = np.zeros((1, 1, 1, CHANNELS[modality]))
    expected = {"rgb": [-123, -117, -104], "rgb_diff": 0, "flow": -128}[modality]
    np.testing.assert_array_equal(
        array(mean(zeros))[0, 0, 0], np.broadcast_to(expected, CHANNELS[modality])
    )


@pytest.mark.parametrize("modality", CHANNELS)
@pytest.mark.parametrize("variant", ["paper", "released"])
def test_recognizer(modality, variant):
    model = recognizer(modality=modality, variant=variant)
    assert list(model.output) == OUTPUTS
    assert sorted(model.output_names) == OUTPUTS
    result = scores(model, clips(2, 3, CHANNELS[modality]))
    assert {key: value.shape for key, value in result.items()} == dict.fromkeys(
        OUTPUTS, (2, 5)
    )
    spatial = [layer.name for layer in off_layers(model) if layer.spatial]
    assert bool(spatial) == (variant == "paper" or modality == "rgb")


def test_whole_numbers_serve_as_frames():
    model = recognizer()
    frames = clips(1, 3).astype("uint8")
    assert_equal_scores(scores(model, frames), scores(model, frames.astype("float32")))


@needs_bfloat16
def test_mixed_precision_keeps_the_scores_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = recognizer()
    finally:
        keras.config.set_dtype_policy("float32")
    assert {model.output[key].dtype for key in OUTPUTS} == {"float32"}
    assert {layer.compute_dtype for layer in off_layers(model)} == {"bfloat16"}
    assert all(
        np.isfinite(value).all() for value in scores(model, clips(1, 3)).values()
    )


# === Ablations ===


def off_layers(model):
    return [layer for layer in model.layers if isinstance(layer, OFF)]


def test_paper_has_an_off_for_every_level():
    full = recognizer()
    shapes = [layer.output.shape for layer in off_layers(full)]
    assert shapes == [(None, 2, size, size, 3 * 128) for size in (8, 4, 2)]


def test_ablations():
    """Dropping gradients takes channels from the first block of every level."""
    full, off_t, off_s = (
        recognizer(**options)
        for options in ({}, {"spatial": False}, {"temporal": False})
    )
    # A 3x3 convolution and a 1x1 projection to 64, 96 and 128 channels.
    per_channel = (9 + 1) * (64 + 96 + 128)
    assert parameters(full) - parameters(off_t) == 256 * per_channel
    assert parameters(full) - parameters(off_s) == 128 * per_channel
    assert {layer.output.shape[-1] for layer in off_layers(off_t)} == {128}
    assert {layer.output.shape[-1] for layer in off_layers(off_s)} == {256}


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_hypercolumn_has_no_off(variant):
    model = recognizer(variant=variant, spatial=False, temporal=False)
    assert off_layers(model) == []
    # Without motion every segment is scored on its own, in any order.
    frames = clips(1, 3)
    assert_equal_scores(scores(model, frames), scores(model, frames[:, [2, 0, 1]]))


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_off_sees_motion(variant):
    """Without a change between the segments only the spatial gradients remain."""
    model = recognizer(variant=variant, spatial=False)
    still = np.repeat(clips(2, 1), 3, axis=1)
    for key, value in scores(model, still).items():
        same = np.allclose(value[0], value[1], rtol=1e-3)
        assert same == (key != "appearance"), key


def test_operator_and_filters():
    model = recognizer(operator="cross", filters=16)
    assert {layer.output.shape[-1] for layer in off_layers(model)} == {32}


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_dropout_rates(variant):
    model = recognizer(variant=variant, dropout=0.3, spatial_dropout=0.6)
    rates = [
        layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)
    ]
    assert rates == [0.3] * 4
    spatial = [layer.dropout.rate for layer in off_layers(model) if layer.spatial]
    assert set(spatial) == {0.6}


def test_no_batch_normalisation_outside_the_backbone():
    for variant in ("paper", "released"):
        model = recognizer(variant=variant)
        kept = [layer for layer in model.layers if not isinstance(layer, keras.Model)]
        names = [inner for layer in kept for inner in layer._flatten_layers()]
        assert not any(
            isinstance(inner, keras.layers.BatchNormalization) for inner in names
        )


# === How time flows ===


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_scores_are_the_mean_over_the_pairs(variant):
    """Equation 8, by scoring every pair of neighbours on its own."""
    model = recognizer(num_segments=None, variant=variant)
    frames = clips(2, 5)
    whole = scores(model, frames)
    pairs = [scores(model, frames[:, t : t + 2]) for t in range(4)]
    for key in ("off_1", "off_2", "off_3"):
        mean = np.mean([pair[key] for pair in pairs], axis=0)
        np.testing.assert_allclose(whole[key], mean, atol=1e-4 * np.abs(mean).max())


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_clips_do_not_see_each_other(variant):
    """The released RGB training graph took spatial gradients of other clips."""
    model = recognizer(variant=variant)
    frames = clips(2, 3)
    alone = scores(model, frames[:1])
    together = scores(model, frames)
    assert_equal_scores({key: value[:1] for key, value in together.items()}, alone)


def test_open_number_of_segments_serves_training_and_testing():
    free = recognizer(num_segments=None)
    for segments in (7, 25):
        fixed = recognizer(num_segments=segments)
        fixed.set_weights(free.get_weights())
        frames = clips(1, segments)
        assert_equal_scores(scores(free, frames), scores(fixed, frames))


@pytest.mark.parametrize(
    ("variant", "names"),
    [
        ("paper", ["off_layer_1", "off_layer_2", "off_layer_3"]),
        (
            "released",
            ["motion_temporal_inception_3b"]
            + ["motion_spatial_inception_4d", "motion_temporal_inception_5a"],
        ),
    ],
)
def test_each_level_builds_on_the_one_before(variant, names):
    model = recognizer(variant=variant)
    frames = clips(1, 3)
    before = scores(model, frames)
    for level, name in enumerate(names, start=1):
        kernel = model.get_layer(name).reduce.kernel
        value = array(kernel)
        kernel.assign(-value)
        after = scores(model, frames)
        kernel.assign(value)
        changed = [
            key for key in OUTPUTS if not np.array_equal(before[key], after[key])
        ]
        assert changed == [f"off_{later}" for later in range(level, 4)]


# === Training, saving, other backbones ===


def build_tsn():
    return TSN(4, num_segments=3, backbone=backbone(), dropout=0.0)


def build_off(variant):
    return OFFActionRecognizer(
        4,
        num_segments=3,
        variant=variant,
        backbone=backbone(),
        dropout=0.0,
        spatial_dropout=0.0,
    )


@pytest.mark.parametrize(
    ("build", "trained", "rate"),
    [
        (build_tsn, OUTPUTS[:1], 0.05),
        pytest.param(
            *(lambda: build_off("paper"), OUTPUTS[1:], 0.01), marks=pytest.mark.slow
        ),
        pytest.param(
            *(lambda: build_off("released"), OUTPUTS[1:], 0.01), marks=pytest.mark.slow
        ),
    ],
    ids=["tsn", "paper", "released"],
)
def test_fit_lowers_the_loss_of_every_trained_output(build, trained, rate):
    """Clipped steps go down smoothly; Adam's would be chaotic on so few clips."""
    keras.utils.set_random_seed(0)
    model = build()
    loss = {
        key: keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        for key in trained
    }
    optimizer = keras.optimizers.SGD(rate, momentum=0.9, global_clipnorm=1.0)
    model.compile(optimizer, loss=loss, jit_compile=False)
    # Noise of four contrasts, a class each.
    contrast = np.array([0.1, 0.3, 0.6, 1.0]).reshape(4, 1, 1, 1, 1)
    labels = dict.fromkeys(model.output, np.arange(4))
    frames = {"frames": clips(4, 3) * contrast}
    history = model.fit(frames, labels, epochs=24, verbose=0).history
    for key in trained:
        losses = history["loss" if len(trained) == 1 else f"{key}_loss"]
        assert losses[-1] < 0.9 * losses[0], losses


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_saving(variant, tmp_path):
    network = BNInception(width=0.05, input_shape=(64, 64, 3))
    model = recognizer(num_segments=None, variant=variant, network=network)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert list(loaded.output) == OUTPUTS
    frames = clips(1, 4)
    assert_equal_scores(scores(loaded, frames), scores(model, frames))


def mobile_net():
    network = keras.applications.MobileNetV2(
        input_shape=(96, 96, 3), alpha=0.35, include_top=False, weights=None
    )
    taps = ("block_6_expand_relu", "block_13_expand_relu", "out_relu")
    features = keras.Model(
        network.input, {tap: network.get_layer(tap).output for tap in taps}
    )
    frames = keras.Input((96, 96, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(frames)
    return keras.Model(frames, features(scaled)), [(tap,) for tap in taps]


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_backbone_of_keras_applications(variant):
    network, levels = mobile_net()
    model = OFFActionRecognizer(
        5, num_segments=3, variant=variant, backbone=network, levels=levels
    )
    frames = np.random.default_rng(0).uniform(0, 255, (2, 3, 96, 96, 3))
    result = model({"frames": frames})
    assert {key: value.shape for key, value in result.items()} == dict.fromkeys(
        OUTPUTS, (2, 5)
    )


# === Errors ===


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "official"}, "`variant` must be .*'official'"),
        ({"num_segments": 1}, "`num_segments` must be at least 2.*Received: 1"),
        ({"modality": "depth"}, "modality to be one of .*'depth'"),
        (
            {"modality": "flow", "variant": "released", "temporal": False},
            "spatial gradients for RGB only.*'flow'",
        ),
        ({"operator": "scharr"}, "`operator` must be one of .*'scharr'"),
        (
            {"backbone": backbone, "modality": "flow"},
            "10 channels of modality='flow'.* for 3 channels",
        ),
        (
            {"backbone": backbone, "modality": "depth"},
            "modality to be one of .*'depth'",
        ),
        (
            {"backbone": backbone, "levels": (("inception_3a",), ("inception_4a",))},
            "three tuples of names",
        ),
        (
            {"backbone": backbone, "levels": (("conv1",), ("conv2",), ("conv3",))},
            r"three tuples of names .*inception_3a, .*\('conv1',\)",
        ),
        (
            {
                "backbone": backbone,
                "levels": (("inception_3a", "inception_3c"),)
                + (("inception_4a",), ("inception_5a",)),
            },
            "one level must have one resolution",
        ),
        (
            {
                "backbone": backbone,
                "levels": (("inception_3a",), ("inception_5a",), ("inception_5b",)),
            },
            "half the resolution of the one before",
        ),
    ],
)
def test_errors(options, message):
    options = dict(options)
    if "backbone" in options:
        options["backbone"] = options["backbone"]()
    with pytest.raises(ValueError, match=message):
        OFFActionRecognizer(5, **options)


def test_tsn_errors():
    with pytest.raises(ValueError, match="modality to be one of .*'depth'"):
        TSN(5, modality="depth")
    with pytest.raises(
        ValueError, match="10 channels of modality='flow'.* for 3 channels"
    ):
        TSN(5, modality="flow", backbone=backbone())
