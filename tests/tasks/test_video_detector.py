import keras
import numpy as np
import pytest

import offkeras
from offkeras import inference, models
from offkeras.data import write_video
from tests.support.detection import SMALL, small_backbone

NAMES = ("bright", "dark")
LOSSES = {"rpn_class", "rpn_box", "rcnn_class", "rcnn_box"}


def detector(**options):
    keras.utils.set_random_seed(0)
    options = {"class_names": NAMES, "filters": 6, **SMALL, **options}
    return offkeras.VideoDetector(small_backbone(), **options)


def scenes(count=2, num_frames=2):
    """A bright square on grey, and padding."""
    rng = np.random.default_rng(0)
    frames = rng.integers(90, 160, (count, num_frames, 64, 80, 3), np.uint8)
    boxes = np.zeros((count, 2, 4), np.float32)
    for image in range(count):
        x, y = rng.integers(0, 50), rng.integers(0, 40)
        frames[image, :, y : y + 20, x : x + 20] = 255
        boxes[image, 0] = [x, y, x + 20, y + 20]
    classes = np.tile(np.int32([0, -1]), (count, 1))
    return {"frames": frames, "boxes": boxes, "classes": classes}


@pytest.fixture(scope="module")
def model():
    return detector()


@pytest.mark.slow
def test_learns_what_the_datasets_yield():
    model = detector()
    history = model.fit(scenes(), epochs=12, verbose=0).history
    assert set(history) == {"loss", *LOSSES}
    assert np.mean(history["loss"][-3:]) < 0.9 * history["loss"][0]
    # What evaluation adds is not looked at.
    batch = {**scenes(), "index": np.arange(2), "scale": np.ones((2, 4))}
    logs = model.evaluate(batch, verbose=0, return_dict=True)
    total = sum(logs[name] for name in LOSSES)
    np.testing.assert_allclose(logs["loss"], total, rtol=1e-4)


def test_loss_is_that_of_the_trainer():
    keras.utils.set_random_seed(0)
    plain = models.OFFVideoDetector(2, backbone=small_backbone(), filters=6, **SMALL)
    trainer = models.detection_trainer(plain, seed=3)
    trainer.compile("sgd", run_eagerly=True)  # quicker for one step
    expected = trainer.evaluate(scenes(), verbose=0, return_dict=True)
    model = detector(seed=3)
    for new, old in zip(model.detector.weights, plain.weights, strict=True):
        new.assign(old)
    model.compile(run_eagerly=True)
    found = model.evaluate(scenes(), verbose=0, return_dict=True)
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4)


def test_predicts_a_file_and_frames(model, tmp_path):
    path = tmp_path / "street.mp4"
    write_video(path, scenes(1, 4)["frames"][0], fps=25)
    size = dict(short_side=64, long_side=80, min_score=0.0)
    expected = list(inference.detect(path, model.detector, **size))
    model.preprocessor = {"size": [64, 80], "min_score": 0.0, "gap": 0.0}
    for found in (model.predict(path), model.predict(path, **size)):
        assert len(found) == len(expected) == 4
        for ours, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ours.boxes, other.boxes)
            np.testing.assert_array_equal(ours.scores, other.scores)
            assert len(ours.boxes) > 0
    found = model.predict(scenes(), verbose=0)
    expected = model.detector({"frames": scenes()["frames"]})
    assert set(found) == {"boxes", "scores", "classes", "count"}
    np.testing.assert_allclose(found["boxes"], expected["boxes"], atol=0.1)


def test_preset_gives_equal_bits(model, tmp_path):
    model.save_to_preset(tmp_path)
    again = offkeras.VideoDetector.from_preset(tmp_path)
    assert again.class_names == NAMES and again.num_classes == 2
    for new, old in zip(again.detector.weights, model.detector.weights, strict=True):
        np.testing.assert_array_equal(new.numpy(), old.numpy())
    found = inference.trained_model(tmp_path)
    assert (found.kind, found.class_names) == ("detector", NAMES)
    assert found.defaults == again.preprocessor == model.preprocessor
    other = offkeras.VideoDetector.from_preset(tmp_path, class_names=list("abc"))
    assert (other.num_classes, other.class_names) == (3, ("a", "b", "c"))
    heads = [one.detector.get_layer("head") for one in (other, model)]
    for name in ("rpn_class", "box_maps", "class_maps"):
        new, old = (head.get_layer(name).kernel.numpy() for head in heads)
        assert np.array_equal(new, old) == (name != "class_maps")
    assert set(other(scenes())) == LOSSES  # its trainer has them too


def test_config(model):
    again = type(model).from_config(model.get_config())
    assert [w.path for w in again.weights] == [w.path for w in model.weights]
    for name in ("class_names", "preprocessor", "seed", "name"):
        assert getattr(again, name) == getattr(model, name)


def test_one_frame_is_a_detector_without_off():
    options = {key: value for key, value in SMALL.items()}
    model = offkeras.VideoDetector(
        "tiny_resnet", num_classes=1, num_frames=1, size=(96, 128), **options
    )
    assert model.detector.input["frames"].shape == (None, 1, None, None, 3)
    assert model.backbone.name == "tiny_resnet" and model.class_names is None
    assert model.preprocessor["size"] == [96, 128]


def test_a_shipped_model_is_a_preset():
    model = offkeras.VideoDetector.from_preset("moving_objects", min_score=0.3)
    assert model.preprocessor == {"size": [96, 128], "min_score": 0.3, "gap": 0.0}
    assert model.num_classes == len(model.class_names)
    assert {"moving_objects", "resnet50"} <= {*offkeras.VideoDetector.presets()}


@pytest.mark.parametrize("name", ["camera_motion", "mpeg4_low", "nothing"])
def test_a_preset_of_another_task_is_refused(name):
    with pytest.raises(ValueError, match="trained detector.*moving_objects"):
        offkeras.VideoDetector.from_preset(name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 4}, "Expected num_classes=2"),
        ({"class_names": None}, "num_classes of at least 1"),
        ({"detector": "d"}, "either a backbone or a detector"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        detector(**options)


def test_a_network_is_given_whole():
    plain = models.DnCNN(depth=2, width=4)
    with pytest.raises(ValueError, match="OFFVideoDetector or an RFCN"):
        offkeras.VideoDetector(detector=plain)
    with pytest.raises(ValueError, match="no options of a network"):
        offkeras.VideoDetector(detector=plain, filters=8)
