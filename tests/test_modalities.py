import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from offkeras import modalities, models
from offkeras.data import ClassFolder, rank_pooling, write_video
from offkeras.data.actions.labelled_videos import finish
from offkeras.data.actions.prepared_videos import decode_segments
from tests.support.recognizer import small_recognizer


def encode(image):
    """A JPEG without loss to speak of, and what it decodes to."""
    options = [cv2.IMWRITE_JPEG_QUALITY, 100]
    jpeg = cv2.imencode(".jpg", image, options)[1].tobytes()
    flag = cv2.IMREAD_COLOR if image.ndim == 3 else cv2.IMREAD_GRAYSCALE
    return jpeg, cv2.imdecode(np.frombuffer(jpeg, np.uint8), flag)


def smooth(*shape, seed=0):
    image = np.random.default_rng(seed).integers(0, 256, (3, 4, *shape[2:]), np.uint8)
    return cv2.resize(image, shape[1::-1])


def test_unknown_modalities_are_refused():
    with pytest.raises(ValueError, match="Expected modality to be one of"):
        modalities.find("depth")


def test_rgb_differences_equal_numpy():
    encoded = [
        [encode(smooth(24, 32, 3, seed=6 * t + k)) for k in range(6)] for t in (0, 1)
    ]
    jpegs = np.array([[[e[0]] for e in row] for row in encoded], object)
    modality = modalities.find("rgb_diff")
    frames = decode_segments(tf.constant(jpegs), modality)
    assert frames.shape == (2, 24, 32, 18) and frames.dtype == tf.uint8
    rgb = np.array([[e[1][..., ::-1] for e in row] for row in encoded], int)
    # (T, 6, H, W, 3) -> (T, H, W, 5 * 3)
    expected = np.concatenate([rgb[:, k + 1] - rgb[:, k] for k in range(5)], -1)
    result = finish(frames, modalities.find("rgb_diff")).numpy()
    assert result.dtype == np.float16 and result.shape[-1] == modality.channels
    # Two JPEG decoders: a grey level or two apart in each frame.
    assert np.abs(result - expected).max() <= 4
    decoded = frames.numpy().astype(int)
    exact = decoded[..., 3:] - decoded[..., :-3]
    np.testing.assert_array_equal(result, exact)


def test_differences_of_extremes_are_exact():
    frames = np.array([[0, 255, 1, 255, 0, 254]], np.uint8)
    result = finish(frames, modalities.find("rgb_diff")).numpy()
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
    result = decode_segments(tf.constant(jpegs), modalities.find("flow"))
    assert result.shape == (3, 24, 32, 10) and result.dtype == tf.uint8
    for t in range(3):
        for k in range(5):
            for c in (0, 1):
                channel = result[t, :, :, 2 * k + c].numpy().astype(int)
                assert np.abs(channel - encoded[t][k][c][1]).max() <= 1


def test_rgb_is_the_frame():
    jpeg, image = encode(smooth(24, 32, 3))
    jpegs = tf.constant([[[jpeg]]])
    result = decode_segments(jpegs, modalities.find("rgb"))
    assert result.shape == (1, 24, 32, 3)
    difference = result[0].numpy().astype(int) - image[..., ::-1]
    assert np.abs(difference).max() <= 2


@pytest.mark.parametrize("count", [1, 2, 10])
def test_dynamic_images_are_weighted_by_the_double_sum(count):
    """Bilen et al.: differences of all running means, each later less each earlier."""
    expected = np.zeros(count)
    means = [np.where(np.arange(count) < t, 1 / t, 0) for t in range(1, count + 1)]
    for earlier in range(count):
        for later in range(earlier + 1, count):
            expected += means[later] - means[earlier]
    weights = rank_pooling.coefficients(count)
    if count == 1:
        expected = np.ones(1)
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    if count == 10:
        published = [-12.219, -3.219, 0.281, 1.948, 2.698, 2.898, 2.731, 2.303]
        np.testing.assert_allclose(weights, [*published, 1.678, 0.9], atol=1e-3)
        assert abs(weights.sum()) < 1e-4


def test_a_dynamic_image_is_that_of_numpy():
    kind = modalities.find("dynamic_image")
    frames = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 10, 3), np.uint8)
    frames[0, 0] = 0  # bright at the end: beyond a byte
    frames[0, 0, :, 5:] = 255
    side_by_side = tf.constant(frames.reshape(2, 4, 5, 30))
    result = finish(side_by_side, kind).numpy()
    assert result.dtype == np.uint8 and result.shape == (2, 4, 5, 3)
    weights = [sum((2 * k - 11) / k for k in range(t, 11)) for t in range(1, 11)]
    pooled = np.einsum("...nc,n->...c", frames.astype(float), weights)
    expected = np.clip(np.rint(128 + pooled / 10), 0, 255)
    assert np.abs(result - expected).max() <= 1  # float32, where a half is rounded
    assert (result == expected).mean() > 0.98
    assert (result[0, 0] == 255).all()
    still = finish(tf.fill((1, 2, 2, 30), np.uint8(200)), kind)
    assert (still.numpy() == 128).all()


def test_off_of_dynamic_images():
    """What moves is a dynamic image, and how that changes is its OFF."""
    model = small_recognizer(modality="dynamic_image")
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (1, 3, 32, 32, 30), np.uint8)
    clips = finish(frames, modalities.find("dynamic_image"))
    scores = model({"frames": tf.cast(clips, tf.float32)})["off_1"].numpy()
    still = model({"frames": np.full((1, 3, 32, 32, 3), 128.0)})["off_1"].numpy()
    assert np.isfinite(scores).all() and np.abs(scores - still).max() > 1e-3


def test_a_toy_modality_takes_one_entry(monkeypatch, tmp_path):
    """Two frames side by side: a class folder gives them, a recognizer trains."""
    toy = modalities.Modality("pair", 6, frames_per_segment=2, mean=127.5)
    monkeypatch.setitem(modalities.MODALITIES, "pair", toy)
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        frames = rng.integers(0, 256, (8, 48, 48, 3), np.uint8)
        write_video(tmp_path / label / "0.mp4", frames, fps=25)
    videos = ClassFolder.open(tmp_path)
    x = images = keras.Input((32, 32, toy.channels))
    maps = {}
    for name in ("fine", "middle", "coarse"):
        x = maps[name] = keras.layers.Conv2D(4, 3, 2, padding="same")(x)
    net = keras.Model(images, maps)
    model = models.OFFActionRecognizer(
        2, num_segments=2, modality="pair", backbone=net, filters=4
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss=loss, jit_compile=False)
    clips = videos.train(
        batch_size=2,
        modality="pair",
        num_segments=2,
        total_segments=2,
        size=32,
        outputs=model.output,
    )
    ((inputs, _),) = clips
    assert inputs["frames"].shape == (2, 2, 32, 32, 6)
    assert np.isfinite(model.fit(clips, verbose=0).history["loss"]).all()


@pytest.mark.parametrize("modality", ["rgb_diff", "flow", "codec", "dynamic_image"])
def test_class_folders_serve_what_shards_hold(modality, tmp_path):
    """A square that moves right by 3 pixels per frame."""
    (tmp_path / "a").mkdir()
    frames = np.full((12, 64, 64, 3), 30, np.uint8)
    texture = cv2.resize(
        np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8), (32, 32)
    )
    for t, frame in enumerate(frames):
        frame[16:48, 3 * t : 3 * t + 28] = texture[:, :28]
    write_video(tmp_path / "a" / "0.mp4", frames, fps=25)
    videos = ClassFolder.open(tmp_path)
    options = dict(batch_size=1, modality=modality, num_segments=1, size=56)
    ((clip, label),) = videos.evaluate(**options)
    kind = modalities.find(modality)
    assert clip.shape == (1, 1, 56, 56, kind.channels) and label.numpy() == [0]
    if modality == "dynamic_image":
        above, moving = clip[0, 0, :10].numpy(), clip[0, 0, 16:40].numpy()
        assert clip.dtype == tf.uint8 and np.abs(above - 128.0).max() < 8
        assert np.abs(moving - 128.0).max() > 60
    elif kind.signed:
        x = (clip.numpy()[..., 0::2].astype(float) - 127.5) * 40 / 255
        y = (clip.numpy()[..., 1::2].astype(float) - 127.5) * 40 / 255
        moving = np.abs(x) > 1
        # Motion vectors are in pixels of a video that is 240 high.
        expected = 3 * 240 / 64 if modality == "codec" else 3
        assert abs(np.median(x[moving]) - expected) < 0.5
        assert np.abs(np.median(y[moving])) < 0.5
    else:
        assert clip.dtype == tf.float16 and np.abs(clip).max() > 50
        assert np.abs(clip.numpy()[..., :10, :, :]).max() < 20  # above the square
