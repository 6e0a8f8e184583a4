import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from offkeras.metrics.image_quality import PSNR, SSIM, psnr, ssim


def images(batch=2, height=37, width=41, noise=20.0, seed=0):
    """Smooth images and a noisy version beyond 0..255, not rounded."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(
        rng.normal(size=(batch, height, width, 3)), (0, 3, 3, 0)
    )
    smooth = np.round(np.clip(128 + 900 * smooth, 0, 255))
    noisy = smooth + rng.normal(0, noise, smooth.shape)
    return smooth.astype("float32"), noisy.astype("float32")


def seen(image):
    return np.round(np.clip(image, 0, 255)).astype("float64")


def luma(image):
    """Luma of BT.601 in its studio range, 16..235."""
    r, g, b = np.moveaxis(image / 255.0, -1, 0)
    return (65.481 * r + 128.553 * g + 24.966 * b + 16)[..., None]


def reference_psnr(x, y):
    return 10 * np.log10(255**2 / ((x - y) ** 2).mean((1, 2, 3)))


def reference_ssim(x, y):
    """Wang et al. in float64 by SciPy, one channel at a time."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

    def blur(image):
        # truncate: radius 5
        return ndimage.gaussian_filter(image, 1.5, truncate=3.4)[5:-5, 5:-5]

    results = []
    for a, b in zip(x, y, strict=True):
        maps = []
        for channel in range(a.shape[-1]):
            p, q = a[..., channel], b[..., channel]
            mp, mq = blur(p), blur(q)
            vp, vq, cov = (
                blur(p * p) - mp**2,
                blur(q * q) - mq**2,
                blur(p * q) - mp * mq,
            )
            numerator = (2 * mp * mq + c1) * (2 * cov + c2)
            maps.append(numerator / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
        results.append(np.mean(maps))
    return results


@pytest.mark.parametrize("noise", [0.6, 5, 60])
@pytest.mark.parametrize("channel", ["rgb", "y"])
def test_equal_to_the_references(channel, noise):
    target, restored = images(noise=noise)
    x, y = seen(target), seen(restored)
    if channel == "y":
        x, y = luma(x), luma(y)
    found = psnr(target, restored, channel=channel)
    np.testing.assert_allclose(found, reference_psnr(x, y), atol=1e-4)
    found = ssim(target, restored, channel=channel)
    np.testing.assert_allclose(found, reference_ssim(x, y), atol=2e-5)
    if channel == "rgb":
        x, y = x.astype("float32"), y.astype("float32")
        np.testing.assert_allclose(
            psnr(target, restored), tf.image.psnr(x, y, 255), atol=1e-4
        )
        np.testing.assert_allclose(found, tf.image.ssim(x, y, 255), atol=2e-5)


def test_uint8_and_float_images_are_alike():
    target, restored = images()
    a = psnr(target.astype("uint8"), seen(restored).astype("uint8"))
    np.testing.assert_array_equal(a, psnr(target, restored))


def test_identical_images():
    target, restored = images()
    restored[0] = target[0] + 0.4  # rounds to the target
    assert np.isinf(psnr(target, restored)[0])
    assert float(ssim(target, restored)[0]) == pytest.approx(1, abs=1e-6)

    metric = PSNR()
    metric.update_state(target[:1], restored[:1])
    assert np.isinf(float(metric.result()))
    metric.update_state(target[1:], restored[1:])
    np.testing.assert_allclose(metric.result(), psnr(target, restored)[1], rtol=1e-6)
    assert metric.identical == 1


def test_images_that_are_no_numbers():
    """They are not identical to anything, and no mean leaves them out."""
    target, restored = images()
    restored[1, 5, 5, 0] = np.nan
    for function, metric in ((psnr, PSNR()), (ssim, SSIM())):
        values = np.asarray(function(target, restored))
        assert np.isfinite(values[0]) and np.isnan(values[1])
        metric.update_state(target, restored)
        assert np.isnan(metric.result())


@pytest.mark.parametrize("channel", ["rgb", "y"])
@pytest.mark.parametrize("levels", [(200, 201), (255, 254), (3, 4), (0, 255)])
def test_similarity_of_plain_images(levels, channel):
    """Only their brightness differs: (2ab + C1) / (a^2 + b^2 + C1), below 1."""
    target, restored = (np.full((1, 16, 18, 3), level, "uint8") for level in levels)
    a, b = (float(luma(np.full(3, level))[0]) for level in levels)
    if channel == "rgb":
        a, b = map(float, levels)
    c1 = (0.01 * 255) ** 2
    expected = (2 * a * b + c1) / (a * a + b * b + c1)
    found = float(ssim(target, restored, channel=channel)[0])
    assert found < 1
    assert found == pytest.approx(expected, abs=3e-7)


def test_similarity_of_plain_areas_beside_an_edge():
    target = np.full((1, 24, 40, 3), 250.0)
    target[:, :, 20:] = 5
    restored = target + np.float64([[[1, 0, -1]]])
    expected = reference_ssim(target, restored)
    np.testing.assert_allclose(ssim(target, restored), expected, atol=1e-6)


@pytest.mark.parametrize("metric", [PSNR, SSIM])
@pytest.mark.parametrize("channel", ["rgb", "y"])
def test_metrics_are_means_over_images_of_all_batches(metric, channel):
    function = {PSNR: psnr, SSIM: ssim}[metric]
    # Batches of different sizes and difficulty: a mean over pixels differs.
    batches = [images(1, noise=4), images(3, noise=40, seed=1)]
    found = metric.from_config(metric(channel).get_config())
    for batch in batches:
        found.update_state(*batch)
    values = np.concatenate([function(*batch, channel=channel) for batch in batches])
    np.testing.assert_allclose(found.result(), values.mean(), atol=1e-4)
    found.reset_state()
    assert found.result() == 0


@pytest.mark.parametrize("metric, function", [(PSNR, psnr), (SSIM, ssim)])
def test_weights_of_images(metric, function):
    target, restored = images(3)
    found = metric()
    found.update_state(target, restored, sample_weight=[1, 0, 3])
    values = np.asarray(function(target, restored))
    expected = (values[0] + 3 * values[2]) / 4
    np.testing.assert_allclose(found.result(), expected, rtol=1e-5)


def test_metrics_serve_compile_and_evaluate():
    frames = keras.Input((None, None, 3))
    model = keras.Model(frames, keras.layers.Identity()(frames))
    model.compile(metrics=[PSNR(), SSIM("y", name="ssim_y")], loss="mse")
    target, restored = images(4)
    result = model.evaluate(restored, target, batch_size=2, return_dict=True, verbose=0)
    assert result["psnr"] == pytest.approx(np.mean(psnr(target, restored)), abs=1e-4)
    expected = np.mean(ssim(target, restored, channel="y"))
    assert result["ssim_y"] == pytest.approx(expected, abs=1e-5)


def test_unknown_channels_are_refused():
    with pytest.raises(ValueError, match="'rgb' or 'y'. Received: 'cb'"):
        PSNR("cb")
    with pytest.raises(ValueError, match="'rgb' or 'y'. Received: 'cb'"):
        ssim(*images(), channel="cb")
