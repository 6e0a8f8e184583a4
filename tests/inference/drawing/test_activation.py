import cv2
import numpy as np
import pytest

from offkeras import data, inference
from tests.support.recognizer import SIZE, small_recognizer


@pytest.fixture(scope="module")
def recognizer():
    return small_recognizer()


@pytest.fixture(scope="module")
def frames():
    video = data.sample_video("carphone_pristine.mp4")
    return data.center_crop(data.read_frames(video, [0, 5, 10]), SIZE).numpy()


@pytest.mark.parametrize("label", [None, 0, 2])
def test_the_mean_of_a_map_is_the_logit_without_its_bias(label, recognizer, frames):
    outputs = recognizer({"frames": frames[None].astype("float32")}, training=False)
    fused = (outputs["appearance"] + outputs["off_3"]).numpy()[0]
    found, maps = inference.activation_maps(frames, recognizer, label=label)
    assert found == (fused.argmax() if label is None else label)
    segments = {"appearance": 3, "off_1": 2, "off_2": 2, "off_3": 2}
    sides = {"appearance": 4, "off_1": 8, "off_2": 4, "off_3": 4}
    for name, values in maps.items():
        assert values.shape == (segments[name], sides[name], sides[name])
        bias = recognizer.get_layer(f"{name}_logits").bias.numpy()[found]
        logit = outputs[name].numpy()[0, found]
        assert values.mean() + bias == pytest.approx(logit, abs=1e-4)


def test_wrong_arguments(recognizer, frames):
    with pytest.raises(ValueError, match=r"two or more of shape \(None, 32, 32, 3\)"):
        inference.activation_maps(frames[:1], recognizer)
    with pytest.raises(ValueError, match=r"Received: \(3, 16, 32, 3\)"):
        inference.activation_maps(frames[:, :16], recognizer)
    with pytest.raises(ValueError, match="`label` to be 0 to 2. Received: 3"):
        inference.activation_maps(frames, recognizer, label=3)


def test_what_speaks_for_the_class_is_red(tmp_path):
    values = np.zeros((1, 8, 8), "float32")
    values[0, :, 4:] = 5
    values[0, :, :2] = -9  # what speaks against it is not shown
    frames = np.full((2, 64, 64, 3), 128, np.uint8)
    path = tmp_path / "cam.png"
    inference.draw_activation(frames, {"off_3": values}, path, title="walk")
    picture = cv2.imread(str(path))[..., ::-1].astype(int)
    panel = picture[picture.shape[0] // 2, picture.shape[1] // 2 :]
    red, blue = panel[:, 0] - panel[:, 2], panel[:, 2] - panel[:, 0]
    assert red.max() > 50 and blue.max() > 50
    assert np.argmax(blue) < np.argmax(red)
