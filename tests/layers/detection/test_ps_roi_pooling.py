import math
from fractions import Fraction

import keras
import numpy as np
import pytest
import tensorflow as tf

from offkeras.layers import PSRoIPooling
from tests.support.helpers import array, check_layer, random
from tests.support.litert import run_in_litert

METHODS = ("matmul", "integral")


def pool_by_loop(maps, rois, bins, scale, number=Fraction):
    """The kernel of R-FCN, bin by bin, for last pixels that are inside.

    `number` is what its edges are computed in: float32 in the kernel.
    """
    batch, height, width, channels = maps.shape
    channels //= bins**2
    pooled = np.zeros((*rois.shape[:2], bins, bins, channels), "float32")
    tenth = number(1) / number(10)
    for image, region in np.ndindex(rois.shape[:2]):
        x1, y1, x2, y2 = rois[image, region] - [0, 0, 1, 1]
        left, top, right, bottom = (
            number(int(edge)) * number(scale)
            for edge in (c_round(x1), c_round(y1), c_round(x2) + 1, c_round(y2) + 1)
        )
        bin_height = max(bottom - top, tenth) / number(bins)
        bin_width = max(right - left, tenth) / number(bins)
        for i, j in np.ndindex(bins, bins):
            rows = span(number(i), bin_height, top, height)
            columns = span(number(j), bin_width, left, width)
            group = slice((i * bins + j) * channels, (i * bins + j + 1) * channels)
            cells = maps[image, rows, columns, group].reshape(-1, channels)
            if len(cells):
                pooled[image, region, i, j] = cells.mean(axis=0, dtype="float64")
    return pooled


def span(index, size, start, limit):
    first = math.floor(index * size + start)
    after = math.ceil((index + type(index)(1)) * size + start)
    first, after = (min(max(edge, 0), limit) for edge in (first, after))
    return slice(first, max(first, after))


def c_round(x):
    return np.sign(x) * np.floor(np.abs(x) + 0.5)


def random_rois(batch, regions, height, width, seed=0):
    """Boxes inside, partly and wholly outside, of no area, on half pixels."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(-0.2, 1, (batch, regions, 2)) * [width, height]
    sides = rng.uniform(0, 0.9, (batch, regions, 2)) ** 2 * [width, height]
    rois = np.concatenate([start, start + sides], axis=-1)
    rois[:, 0] = [-90, -80, -50, -40]
    rois[:, 1, 2:] = rois[:, 1, :2]
    rois[:, 2] = [3, 4, 3, 4]
    rois[:, 3] = [0, 0, width, height]
    rois[:, 4:8] = np.round(rois[:, 4:8] * 2) / 2
    rois[:, 8] = [width + 40, 0, width + 90, height]
    return rois.astype("float32")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("bins", "scale", "size"),
    [(7, 1 / 16, (11, 17)), (3, 1 / 8, (5, 9)), (2, 1 / 4, (6, 1))],
)
def test_equals_the_kernel(method, bins, scale, size):
    maps = random(2, *size, bins**2 * 5) + 3
    rois = random_rois(2, 60, *(side / scale for side in size))
    pooled = PSRoIPooling(bins, spatial_scale=scale, method=method)(maps, rois)
    expected = pool_by_loop(maps, rois, bins, scale)
    assert (expected == 0).all(axis=-1).any()  # empty bins are among them
    tolerance = 1e-6 if method == "matmul" else 5e-5
    np.testing.assert_allclose(array(pooled), expected, atol=tolerance)


def test_continuous_edges_are_the_kernels_inclusive_pixels():
    """Pixels 16..47 are cells 1 and 2: a box from 16 to 48."""
    maps = np.arange(5, dtype="float32").reshape(1, 1, 5, 1)
    pooled = PSRoIPooling(1)(maps, np.array([[[16.0, 0, 48, 16]]]))
    assert array(pooled).item() == 1.5


@pytest.mark.parametrize("method", METHODS)
def test_layer(method, tmp_path):
    rois = random_rois(2, 12, 40, 48)
    check_layer(
        lambda **dtype: PSRoIPooling(3, spatial_scale=1 / 8, method=method, **dtype),
        random(2, 5, 6, 9 * 4),
        rois,
        output_shape=(2, 12, 3, 3, 4),
        parameters=0,
        tmp_path=tmp_path,
    )


def test_half_precision_keeps_the_coordinates():
    """1001 and 999 pixels are one number in half precision's neighbourhood."""
    maps = np.arange(70, dtype="float32").reshape(1, 1, 70, 1)
    rois = np.array([[[991.9, 0, 1007.9, 16]]], "float32")
    pooled = PSRoIPooling(1, dtype="mixed_float16")(maps, rois)
    assert array(pooled).item() == 62


@pytest.mark.parametrize("method", METHODS)
def test_gradient(method):
    """The gradient of each cell is the sum of its weights in all bins."""
    maps = tf.Variable(random(1, 5, 6, 4 * 2))
    rois = random_rois(1, 10, 40, 48)
    layer = PSRoIPooling(2, spatial_scale=1 / 8, method=method)
    upstream = random(1, 10, 2, 2, 2, seed=1)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(maps, rois) * upstream)
    gradient = tape.gradient(loss, maps).numpy()
    expected = np.zeros_like(gradient)
    for index in np.ndindex(*maps.shape):
        one = np.zeros(gradient.shape, "float32")
        one[index] = 1
        expected[index] = (pool_by_loop(one, rois, 2, 1 / 8) * upstream).sum()
    np.testing.assert_allclose(gradient, expected, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_litert_with_builtins_only(method, tmp_path):
    maps = keras.Input((9, 12, 9 * 4), name="maps")
    rois = keras.Input((20, 4), name="rois")
    layer = PSRoIPooling(3, method=method, name="pool")
    model = keras.Model({"maps": maps, "rois": rois}, {"pooled": layer(maps, rois)})
    inputs = {"maps": random(1, 9, 12, 36), "rois": random_rois(1, 20, 144, 192)}
    outputs = run_in_litert(model, inputs, tmp_path)
    np.testing.assert_allclose(
        outputs["pooled"],
        pool_by_loop(inputs["maps"], inputs["rois"], 3, 1 / 16),
        atol=2e-5,
    )


@pytest.mark.parametrize("method", METHODS)
def test_compiled(method):
    maps, rois = random(2, 9, 12, 9 * 2), random_rois(2, 300, 144, 192, seed=2)
    layer = PSRoIPooling(3, method=method)
    expected = pool_by_loop(maps, rois, 3, 1 / 16)
    for jit_compile in (False, True):
        compiled = tf.function(layer, jit_compile=jit_compile)(maps, rois)
        np.testing.assert_allclose(array(compiled), expected, atol=2e-5)


def test_the_float32_of_the_kernel_moves_few_bins():
    maps, rois = random(1, 9, 12, 49), random_rois(1, 300, 144, 192, seed=2)
    pooled = array(PSRoIPooling()(maps, rois))
    kernel = pool_by_loop(maps, rois, 7, 1 / 16, np.float32)
    assert np.mean(np.abs(pooled - kernel) > 1e-5) < 5e-3


def test_unknown_sizes():
    maps, rois = keras.Input((None, None, 4)), keras.Input((None, 4))
    for method in METHODS:
        layer = PSRoIPooling(2, spatial_scale=1 / 8, method=method)
        model = keras.Model([maps, rois], layer(maps, rois))
        assert model.output_shape == (None, None, 2, 2, 1)
        inputs = [random(2, 5, 6, 4), random_rois(2, 11, 40, 48)]
        np.testing.assert_allclose(
            array(model(inputs)), array(layer(*inputs)), atol=1e-6
        )


def test_errors():
    with pytest.raises(ValueError, match="`method` must be 'matmul' or 'integral'"):
        PSRoIPooling(method="align")
    with pytest.raises(ValueError, match="whole number of pixels. Received: 0.3"):
        PSRoIPooling(spatial_scale=0.3)
    with pytest.raises(ValueError, match="multiple of 49 channels"):
        PSRoIPooling()(np.zeros((1, 4, 4, 50)), np.zeros((1, 2, 4)))


@pytest.mark.parametrize("method", METHODS)
def test_the_vote_is_the_mean_of_the_bins(method):
    maps, rois = random(2, 9, 11, 9 * 2), random_rois(2, 20, 72, 88)
    pooled = array(PSRoIPooling(3, spatial_scale=1 / 8, method=method)(maps, rois))
    layer = PSRoIPooling(3, spatial_scale=1 / 8, method=method, vote=True)
    votes = array(layer(maps, rois))
    assert votes.shape == layer.compute_output_shape(maps.shape, rois.shape)
    np.testing.assert_allclose(votes, pooled.mean(axis=(2, 3)), atol=1e-6)
