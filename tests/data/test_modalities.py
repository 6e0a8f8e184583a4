import cv2
import numpy as np
import pytest
import tensorflow as tf

from offkeras.data import modalities
from offkeras.models.action_recognition import MODALITIES as MODEL_MODALITIES


def encode(image):
    """A JPEG without loss to speak of, and what it decodes to."""
    options = [cv2.IMWRITE_JPEG_QUALITY, 100]
    jpeg = cv2.imencode(".jpg", image, options)[1].tobytes()
    flag = cv2.IMREAD_COLOR if image.ndim == 3 else cv2.IMREAD_GRAYSCALE
    return jpeg, cv2.imdecode(np.frombuffer(jpeg, np.uint8), flag)


def smooth(*shape, seed=0):
    image = np.random.default_rng(seed).integers(0, 256, (3, 4, *shape[2:]), np.uint8)
    return cv2.resize(image, shape[1::-1])


def test_channels_are_those_of_the_models():
    for name, modality in modalities.MODALITIES.items():
        assert modality.channels == MODEL_MODALITIES[name][0]
    with pytest.raises(ValueError, match="Expected modality to be one of"):
        modalities.find("depth")


def test_rgb_differences_equal_numpy():
    encoded = [
        [encode(smooth(24, 32, 3, seed=6 * t + k)) for k in range(6)] for t in (0, 1)
    ]
    jpegs = np.array([[[e[0]] for e in row] for row in encoded], object)
    modality = modalities.find("rgb_diff")
    frames = modalities.decode_segments(tf.constant(jpegs), modality)
    assert frames.shape == (2, 24, 32, 18) and frames.dtype == tf.uint8
    rgb = np.array([[e[1][..., ::-1] for e in row] for row in encoded], int)
    # (T, 6, H, W, 3) -> (T, H, W, 5 * 3)
    expected = np.concatenate([rgb[:, k + 1] - rgb[:, k] for k in range(5)], -1)
    result = modalities.differences(frames).numpy()
    assert result.dtype == np.float16 and result.shape[-1] == modality.channels
    # Two JPEG decoders: a grey level or two apart in each frame.
    assert np.abs(result - expected).max() <= 4
    decoded = frames.numpy().astype(int)
    exact = decoded[..., 3:] - decoded[..., :-3]
    np.testing.assert_array_equal(result, exact)


def test_differences_of_extremes_are_exact():
    frames = np.array([[0, 255, 1, 255, 0, 254]], np.uint8)
    result = modalities.differences(frames).numpy()
    assert result.tolist() == [[255, -255, 253]]


def test_flow_interleaves_x_and_y():
    encoded = [
        [
            [encode(smooth(24, 32, seed=100 * t + 2 * k + c)) for c in (0, 1)]
            for k in range(5)
        ]
        for t in range(3)
    ]
    jpegs = np.array([[[e[0] for e in k] for k in t] for t in encoded], object)
    result = modalities.decode_segments(tf.constant(jpegs), modalities.find("flow"))
    assert result.shape == (3, 24, 32, 10) and result.dtype == tf.uint8
    for t in range(3):
        for k in range(5):
            for c in (0, 1):
                channel = result[t, :, :, 2 * k + c].numpy().astype(int)
                assert np.abs(channel - encoded[t][k][c][1]).max() <= 1


def test_rgb_is_the_frame():
    jpeg, image = encode(smooth(24, 32, 3))
    jpegs = tf.constant([[[jpeg]]])
    result = modalities.decode_segments(jpegs, modalities.find("rgb"))
    assert result.shape == (1, 24, 32, 3)
    difference = result[0].numpy().astype(int) - image[..., ::-1]
    assert np.abs(difference).max() <= 2
