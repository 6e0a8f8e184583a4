import keras
import numpy as np
import pytest

import offkeras
from offkeras import inference, models
from offkeras.data import write_video
from tests.support.recognizer import small_recognizer

RNG = np.random.default_rng(0)
CLEAN = np.repeat(RNG.integers(50, 250, (4, 1, 4, 4, 3)), 6, 2).repeat(6, 3)
NOISE = RNG.integers(-5, 6, (4, 3, 24, 24, 3))
FRAMES = (CLEAN + NOISE - 25).astype("uint8")  # too dark
TARGET = CLEAN[:, 0].astype("uint8")


def restorer(**options):
    keras.utils.set_random_seed(0)
    return offkeras.VideoRestorer(width=8, tail_convs=2, **options)


def test_learns_frames_as_they_are():
    model = restorer()
    before = model.evaluate(FRAMES, TARGET, verbose=0, return_dict=True)
    compressed = FRAMES[:, 1].astype(float)
    error = ((compressed - TARGET) ** 2).mean()  # untrained, it returns its input
    np.testing.assert_allclose(before["loss"], error, rtol=1e-4)
    decibel = 10 * np.log10(255**2 / ((compressed - TARGET) ** 2).mean((1, 2, 3)))
    np.testing.assert_allclose(before["psnr"], decibel.mean(), rtol=1e-4)
    model.compile(keras.optimizers.Adam(0.003))
    history = model.fit(FRAMES, {"restored": TARGET}, epochs=30, verbose=0).history
    assert history["loss"][-1] < 0.5 * before["loss"]
    restored = model.predict(FRAMES, verbose=0)
    assert restored.dtype == np.uint8
    expected = np.array(model(FRAMES)["restored"]).round().clip(0, 255)
    np.testing.assert_array_equal(restored, expected)


def test_predicts_a_file(tmp_path):
    model = restorer(num_frames=2)
    model.fit(FRAMES[:, :2], TARGET, verbose=0)
    path = tmp_path / "old.mp4"
    write_video(path, RNG.integers(0, 256, (4, 16, 16, 3), np.uint8), fps=25)
    expected = [frame for _, frame in inference.restore(path, model.model)]
    np.testing.assert_array_equal(model.predict(path), expected)
    halved = [f for _, f in inference.restore(path, model.model, strength=0.5)]
    np.testing.assert_array_equal(model.predict(path, strength=0.5), halved)


def test_preset_gives_equal_bits(tmp_path):
    model = restorer(quantisers={"mpeg4": [16, 31]})
    model.fit(FRAMES, TARGET, verbose=0)
    model.save_to_preset(tmp_path)
    again = offkeras.VideoRestorer.from_preset(tmp_path)
    for new, old in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(new.numpy(), old.numpy())
    found = inference.trained_model(tmp_path)
    assert (found.kind, found.class_names) == ("model", None)
    assert found.defaults == again.preprocessor == {"quantisers": {"mpeg4": [16, 31]}}
    np.testing.assert_array_equal(
        found.load()({"frames": FRAMES})["restored"], model(FRAMES)["restored"]
    )


def test_config_and_file(tmp_path):
    model = restorer(model=models.DnCNN(depth=3, width=8), quantisers={})
    config = model.get_config()
    again = type(model).from_config(config)
    assert [w.path for w in again.weights] == [w.path for w in model.weights]
    assert (again.name, again.preprocessor) == (config["name"], {"quantisers": {}})
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, offkeras.VideoRestorer)
    frames = FRAMES[:, :1]
    np.testing.assert_array_equal(loaded(frames)["restored"], model(frames)["restored"])


def test_a_shipped_model_is_a_preset():
    assert offkeras.VideoRestorer.presets() == [
        "jpeg2000_q20",
        "jpeg2000_q40",
        "mpeg4_low",
    ]
    model = offkeras.VideoRestorer.from_preset("mpeg4_low", name="mine")
    assert "mpeg4" in model.preprocessor["quantisers"] and model.name == "mine"


@pytest.mark.parametrize("name", ["moving_objects", "camera_motion", "nothing"])
def test_a_preset_of_another_task_is_refused(name):
    with pytest.raises(ValueError, match="trained model.*Names of presets: jpeg2000"):
        offkeras.VideoRestorer.from_preset(name)


def test_another_network_is_refused():
    with pytest.raises(ValueError, match="OFFArtifactRemover or a DnCNN"):
        restorer(model=small_recognizer())
