import json
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

import offkeras
from offkeras import inference, models
from offkeras.data import write_video
from offkeras.models.task import CLASSIFIERS
from tests.support.recognizer import toy_backbone

RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 256, (6, 3, 32, 32, 3), np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])
NAMES = ("jump", "run", "walk")


def classifier(**options):
    keras.utils.set_random_seed(0)
    options = {"class_names": NAMES, "num_segments": 3, **options}
    return offkeras.VideoClassifier(toy_backbone(), filters=8, **options)


def weights_of(model):
    return [weight.numpy() for weight in model.weights]


@pytest.mark.slow
def test_learns_labels_as_they_are():
    model = classifier(dropout=0.0, spatial_dropout=0.0)
    model.compile(keras.optimizers.Adam(0.01))
    history = model.fit(FRAMES, LABELS, epochs=40, batch_size=6, verbose=0).history
    assert history["accuracy"][-1] == 1.0
    measured = model.evaluate(FRAMES, LABELS, verbose=0, return_dict=True)
    assert measured["accuracy"] == 1.0


def test_loss_and_accuracy_are_those_of_the_paper():
    """Section 4.2.2: every output has a loss; section 4.3: two scores are summed."""
    model = classifier()
    measured = model.evaluate(FRAMES, LABELS, batch_size=6, verbose=0, return_dict=True)
    logits = {k: np.float64(v) for k, v in model(FRAMES).items()}
    loss = 0
    for name in CLASSIFIERS:
        z = logits[name] - logits[name].max(-1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
        loss -= log_p[np.arange(6), LABELS].mean()
    np.testing.assert_allclose(measured["loss"], loss, rtol=1e-5)
    fused = logits["appearance"] + logits["off_3"]
    np.testing.assert_allclose(
        measured["accuracy"], (fused.argmax(-1) == LABELS).mean(), rtol=1e-6
    )
    probabilities = np.exp(fused) / np.exp(fused).sum(-1, keepdims=True)
    np.testing.assert_allclose(
        model.predict(FRAMES, verbose=0), probabilities, rtol=1e-4, atol=1e-6
    )


def test_regularisation_counts_once():
    model = classifier()
    plain = model.evaluate(FRAMES, LABELS, batch_size=6, verbose=0, return_dict=True)
    dense = model.recognizer.get_layer("off_3_logits")
    dense.kernel.regularizer = keras.regularizers.L2(0.5)
    model.compile()
    more = model.evaluate(FRAMES, LABELS, batch_size=6, verbose=0, return_dict=True)
    expected = 0.5 * (dense.kernel.numpy() ** 2).sum()
    np.testing.assert_allclose(more["loss"] - plain["loss"], expected, rtol=1e-3)


def changed(model, before):
    return {
        weight.path
        for weight, old in zip(model.weights, before, strict=True)
        if not np.array_equal(weight.numpy(), old)
        and "seed_generator" not in weight.path
    }


@pytest.mark.parametrize("training", ["heads", "two_stages", "end_to_end"])
def test_what_a_training_changes(training):
    model = classifier(training=training, dropout=0.0, spatial_dropout=0.0)
    model.compile(run_eagerly=True)  # quicker for two steps
    before = weights_of(model)
    history = model.fit(FRAMES, LABELS, batch_size=3, verbose=0).history
    trained = changed(model, before)
    assert any("off_layer_1" in path for path in trained)
    assert any("off_3_logits" in path for path in trained)
    assert any("appearance_logits" in path for path in trained)
    in_backbone = any("conv_8" in path for path in trained)
    assert in_backbone == (training != "heads")
    first = "appearance_stage_loss" in history
    assert first == (training == "two_stages")


def test_second_stage_leaves_the_first():
    model = classifier(training="two_stages", dropout=0.0, spatial_dropout=0.0)
    model.compile(run_eagerly=True)
    model._enter("off")
    before = weights_of(model)
    keras.Model.fit(model, FRAMES, LABELS, batch_size=3, verbose=0)
    trained = changed(model, before)
    assert not any("conv_" in p and "toy" in p for p in trained)
    assert not any("appearance_logits" in path for path in trained)
    assert any("off_layer_1" in path for path in trained)


@pytest.mark.slow
def test_preset_gives_equal_bits_in_another_process(tmp_path):
    model = classifier()
    model.fit(FRAMES, LABELS, batch_size=3, verbose=0)
    model.save_to_preset(tmp_path / "preset")
    np.save(tmp_path / "frames.npy", FRAMES)
    program = (
        "import sys, numpy as np, offkeras\n"
        "from offkeras import inference\n"
        "inference.trained_model(sys.argv[1] + '/preset').load()\n"
        "model = offkeras.VideoClassifier.from_preset(sys.argv[1] + '/preset')\n"
        "assert model.class_names == ('jump', 'run', 'walk')\n"
        "frames = np.load(sys.argv[1] + '/frames.npy')\n"
        "np.save(sys.argv[1] + '/out.npy', model.predict(frames, verbose=0))\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    expected = model.predict(FRAMES, verbose=0)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)


def test_preset_has_the_files_of_keras_hub(tmp_path):
    """Loaded with Keras alone, by the registered name, as keras-hub loads its own."""
    model = classifier()
    model.save_to_preset(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json",
        "metadata.json",
        "model.weights.h5",
        "preprocessor.json",
        "labels.txt",
    }
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["registered_name"] == "offkeras>VideoClassifier"
    loaded = keras.saving.deserialize_keras_object(config)
    loaded.optimizer = None
    loaded.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(
        loaded.predict(FRAMES, verbose=0), model.predict(FRAMES, verbose=0)
    )
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    assert metadata["parameter_count"] == model.count_params()


def test_a_preset_serves_the_commands(tmp_path):
    model = classifier()
    model.save_to_preset(tmp_path)
    found = inference.trained_model(str(tmp_path))
    assert (found.kind, found.class_names) == ("recognizer", NAMES)
    assert found.defaults == {"segments": 3}
    np.testing.assert_array_equal(
        found.load()({"frames": FRAMES})["off_3"], model(FRAMES)["off_3"]
    )


def test_predicts_a_file(tmp_path):
    model = classifier()
    write_video(
        tmp_path / "walk.mp4", RNG.integers(0, 256, (30, 48, 64, 3), np.uint8), fps=25
    )
    probabilities = model.predict(tmp_path / "walk.mp4")
    assert probabilities.shape == (3,)
    np.testing.assert_allclose(probabilities.sum(), 1, rtol=1e-5)


def test_other_classes_get_new_heads(tmp_path):
    model = classifier()
    model.save_to_preset(tmp_path)
    new = offkeras.VideoClassifier.from_preset(tmp_path, num_classes=5)
    assert new(FRAMES)["off_3"].shape == (6, 5) and new.class_names is None
    np.testing.assert_array_equal(
        new.recognizer.get_layer("off_layer_1").reduce.kernel.numpy(),
        model.recognizer.get_layer("off_layer_1").reduce.kernel.numpy(),
    )


def test_a_shipped_model_is_a_preset():
    model = offkeras.VideoClassifier.from_preset("camera_motion")
    assert "pan_left" in model.class_names
    assert {"camera_motion", "efficientnet_lite0"} <= {
        *offkeras.VideoClassifier.presets()
    }


@pytest.mark.slow
def test_saved_as_keras_file(tmp_path):
    model = classifier()
    model.compile(keras.optimizers.Adam(0.02))
    model.fit(FRAMES, LABELS, batch_size=3, verbose=0)
    model.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(again.optimizer, keras.optimizers.Adam)
    for ours, saved in zip(
        again.optimizer.variables, model.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(ours.numpy(), saved.numpy())
    for load in (keras.models.load_model, models.load_model):
        loaded = load(tmp_path / "model.keras")
        np.testing.assert_array_equal(
            loaded.predict(FRAMES, verbose=0), model.predict(FRAMES, verbose=0)
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"training": "once"}, "Expected training to be one of"),
        ({"num_classes": 4}, "Expected num_classes=3"),
        ({"class_names": None}, "num_classes of at least 2"),
        ({"recognizer": "r"}, "either a backbone or a recognizer"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        classifier(**options)


def test_unknown_presets_list_those_there_are():
    with pytest.raises(ValueError, match="camera_motion.*efficientnet_lite0"):
        offkeras.VideoClassifier.from_preset("nothing_like_it")


@pytest.mark.parametrize("name", ["moving_objects", "mpeg4_low"])
def test_a_preset_of_another_task_is_refused(name):
    with pytest.raises(ValueError, match="trained recognizer"):
        offkeras.VideoClassifier.from_preset(name)


def test_a_preset_replaces_another(tmp_path):
    classifier().save_to_preset(tmp_path)
    unnamed = classifier(class_names=None, num_classes=3)
    unnamed.save_to_preset(tmp_path)
    assert offkeras.VideoClassifier.from_preset(tmp_path).class_names is None
    assert not (tmp_path / ".preset").exists()


def test_damaged_presets(tmp_path):
    classifier().save_to_preset(tmp_path)
    (tmp_path / "model.weights.h5").unlink()
    with pytest.raises(ValueError, match=r"model\.weights\.h5 is missing"):
        offkeras.VideoClassifier.from_preset(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["config"]["recognizer"]["class_name"] = "Lambda"
    config["config"]["recognizer"]["module"] = "keras.layers"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="neither a layer"):
        offkeras.VideoClassifier.from_preset(tmp_path)
