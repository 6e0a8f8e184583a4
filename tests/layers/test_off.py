import subprocess
import sys

import keras
import numpy as np
import pytest
from scipy import ndimage

from offkeras.layers import OFF, SpatialGradient, TemporalDifference
from tests.support.helpers import (
    array,
    check_layer,
    needs_bfloat16,
    random,
    randomize,
)

# Equations 5 and 6 of the paper, Sobel's kernels, and the released filler.
KERNELS = {
    "prewitt": [
        [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
        [[1, 1, 1], [0, 0, 0], [-1, -1, -1]],
    ],
    "sobel": [
        [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
        [[1, 2, 1], [0, 0, 0], [-1, -2, -1]],
    ],
    "cross": [[[0, 1, 0], [-1, 0, 1], [0, -1, 0]]],
}


def gradients_by_loop(maps, operator):
    """Spatial gradients of (..., H, W, C), pixel by pixel."""
    height, width = maps.shape[-3:-1]
    results = []
    for kernel in KERNELS[operator]:
        result = np.zeros(maps.shape)
        for y, x, row, column in np.ndindex(height, width, 3, 3):
            source = y + row - 1, x + column - 1
            if 0 <= source[0] < height and 0 <= source[1] < width:
                neighbour = maps[..., source[0], source[1], :]
                result[..., y, x, :] += kernel[row][column] * neighbour
        results.append(result)
    return np.concatenate(results, axis=-1)


def gradients_by_scipy(maps, operator):
    """The same by scipy: every map of every channel is an image."""
    height, width, channels = maps.shape[-3:]
    results = []
    for kernel in KERNELS[operator]:
        result = np.zeros((maps[..., 0, 0, 0].size, height, width, channels))
        for index, image in enumerate(maps.reshape(result.shape)):
            for channel in range(channels):
                result[index, ..., channel] = ndimage.correlate(
                    image[..., channel], np.array(kernel), mode="constant"
                )
        results.append(result.reshape(maps.shape))
    return np.concatenate(results, axis=-1)


@pytest.mark.parametrize("operator", KERNELS)
@pytest.mark.parametrize(
    "dtype", ["float32", "float16", pytest.param("bfloat16", marks=needs_bfloat16)]
)
@pytest.mark.parametrize(
    "shape",
    [(2, 6, 8, 3), (1, 7, 5, 4), (2, 1, 1, 3), (1, 2, 3, 1)]
    + [(2, 3, 4, 5, 2), (1, 2, 3, 5, 4, 2)],
)
def test_spatial_gradient(operator, dtype, shape):
    # Small integers: every dtype holds the sums exactly.
    maps = np.random.default_rng(0).integers(-9, 10, shape).astype("float32")
    gradients = SpatialGradient(operator, dtype=dtype)(maps)
    assert keras.backend.standardize_dtype(gradients.dtype) == dtype
    np.testing.assert_array_equal(array(gradients), gradients_by_loop(maps, operator))
    np.testing.assert_array_equal(array(gradients), gradients_by_scipy(maps, operator))


@pytest.mark.parametrize("operator", KERNELS)
def test_spatial_gradient_of_real_numbers(operator):
    maps = random(2, 9, 10, 5)
    np.testing.assert_allclose(
        array(SpatialGradient(operator)(maps)),
        gradients_by_scipy(maps, operator),
        atol=1e-5,
    )


def test_sign_and_order_of_the_spatial_gradient():
    """Fx is right minus left, Fy is up minus down; all of Fx comes first."""
    y, x = np.mgrid[:5, :6].astype("float32")
    ramps = np.stack([x, y], axis=-1)[None]  # grows rightwards; downwards
    inner = array(SpatialGradient()(ramps))[0, 1:-1, 1:-1]
    for channel, value in enumerate([6, 0, 0, -6]):  # Fx, Fx, Fy, Fy
        assert (inner[..., channel] == value).all()


@pytest.mark.parametrize(("operator", "maps"), [("prewitt", 2), ("cross", 1)])
def test_spatial_gradient_layer(operator, maps, tmp_path):
    check_layer(
        lambda **options: SpatialGradient(operator, **options),
        random(2, 5, 6, 4),
        output_shape=(2, 5, 6, 4 * maps),
        parameters=0,
        tmp_path=tmp_path,
    )
    layer = SpatialGradient(operator)
    layer(random(2, 5, 6, 4))
    assert layer.weights == []


def test_temporal_difference(tmp_path):
    clips = random(2, 4, 5, 6, 3)
    check_layer(
        lambda **options: TemporalDifference(**options),
        clips,
        output_shape=(2, 3, 5, 6, 3),
        parameters=0,
        tmp_path=tmp_path,
    )
    differences = array(TemporalDifference()(clips))
    for pair in range(3):
        np.testing.assert_array_equal(
            differences[:, pair], clips[:, pair + 1] - clips[:, pair]
        )


COMBINATIONS = [(True, True), (True, False), (False, True)]


@pytest.mark.parametrize("operator", KERNELS)
@pytest.mark.parametrize(("spatial", "temporal"), COMBINATIONS)
@pytest.mark.parametrize("activation", ["relu", None])
def test_off_equals_numpy(operator, spatial, temporal, activation):
    clips = random(2, 4, 5, 6, 7)
    layer = OFF(
        3,
        operator=operator,
        spatial=spatial,
        temporal=temporal,
        activation=activation,
    )
    layer(clips)
    randomize(layer)
    kernel, bias = (array(weight) for weight in layer.weights)
    reduced = clips @ kernel[0, 0] + bias
    if activation == "relu":
        reduced = np.maximum(reduced, 0)
    expected = []
    if spatial:
        expected.append(gradients_by_scipy(reduced[:, :-1], operator))
    if temporal:
        expected.append(reduced[:, 1:] - reduced[:, :-1])
    np.testing.assert_allclose(
        array(layer(clips)), np.concatenate(expected, axis=-1), atol=1e-4
    )


@pytest.mark.parametrize(
    ("options", "channels"),
    [
        ({}, 9),
        ({"operator": "sobel", "spatial_dropout": 0.0}, 9),
        ({"operator": "cross", "activation": None}, 6),
        ({"spatial": False, "bias_initializer": "ones"}, 3),
        ({"temporal": False, "kernel_initializer": "ones"}, 6),
    ],
)
def test_off_layer(options, channels, tmp_path):
    # All inputs positive and a positive start: no weight hides behind the ReLU.
    options = {"bias_initializer": keras.initializers.Constant(2.0), **options}
    check_layer(
        lambda **dtype: OFF(3, **options, **dtype),
        np.abs(random(2, 4, 5, 6, 7)),
        output_shape=(2, 3, 5, 6, channels),
        parameters=7 * 3 + 3,
        tmp_path=tmp_path,
    )


def test_off_reduces_to_128_channels_by_default():
    assert OFF().compute_output_shape((2, 7, 28, 28, 576)) == (2, 6, 28, 28, 384)


def test_spatial_dropout_leaves_the_temporal_gradient_alone():
    clips = random(2, 3, 8, 8, 4)
    layer = OFF(4, spatial_dropout=0.5)
    plain = array(layer(clips))
    dropped = array(layer(clips, training=True))
    np.testing.assert_array_equal(dropped[..., 8:], plain[..., 8:])
    zero = dropped[..., :8] == 0
    was_zero = plain[..., :8] == 0
    assert 0.4 < zero[~was_zero].mean() < 0.6
    np.testing.assert_allclose(dropped[..., :8][~zero], 2 * plain[..., :8][~zero])


def test_gradients_of_reduced_features_stream():
    """A pair of reduced frames gives what the whole clip gives for that pair."""
    clips = random(1, 5, 6, 6, 8)
    layer = OFF(4)
    whole = array(layer(clips))
    reduced = array(layer.reduce(clips[0]))[None]
    for pair in range(4):
        np.testing.assert_allclose(
            array(layer.gradients(reduced[:, pair : pair + 2])),
            whole[:, pair : pair + 1],
            atol=1e-6,
        )


# === Equation 4: OFF is orthogonal to the feature flow ===
#
# A kernel sums the central difference over 2 pixels with its weights: Prewitt's
# is 6, Sobel's 8, the cross 2 times the derivative. Rows run downwards while Fy
# is up minus down, so vy counts upwards. With v in pixels a frame:
#     Fx vx / scale + Fy vy / scale + Ft = 0
# up to the finite differences: second order in the velocity (v k / 2 = 1 %) and
# in the wave number (k^2 / 2 = 3 % for waves of 26 pixels and more).
SCALES = {"prewitt": 6, "sobel": 8, "cross": 2}
VELOCITY = np.array([0.06, 0.04])  # pixels a frame: rightwards, upwards


def off_of_a_translating_pattern(operator):
    """Fx, Fy and Ft of smooth waves that move with VELOCITY."""
    y, x = np.mgrid[:48, :48].astype("float64")
    waves = []
    for kx, ky in ((0.2, 0.1), (0.05, -0.22), (-0.15, 0.15)):
        frames = []
        for t in range(3):
            # A pattern moving up appears at smaller rows.
            moved_x, moved_y = x - VELOCITY[0] * t, y + VELOCITY[1] * t
            # Above zero, so that the ReLU lets it pass.
            frames.append(2 + np.sin(kx * moved_x + ky * moved_y))
        waves.append(frames)
    clip = np.stack(waves, axis=-1)[None].astype("float32")  # (1, 3, 48, 48, 3)
    layer = OFF(3, operator=operator)
    layer.build(clip.shape)
    layer.reduce.set_weights([np.eye(3)[None, None], np.zeros(3)])  # identity
    features = array(layer(clip))[:, :, 1:-1, 1:-1]  # the border sees zeros
    return np.split(features, features.shape[-1] // 3, axis=-1)


def residual(gradients, ft, velocity):
    """Root mean square of the left side of equation 4, relative to that of Ft."""
    total = sum(f * v for f, v in zip(gradients, velocity, strict=True)) + ft
    return np.sqrt(np.mean(total**2) / np.mean(ft**2))


@pytest.mark.parametrize("operator", ["prewitt", "sobel"])
def test_off_is_orthogonal_to_the_feature_flow(operator):
    *gradients, ft = off_of_a_translating_pattern(operator)
    gradients = [f / SCALES[operator] for f in gradients]
    assert residual(gradients, ft, VELOCITY) < 0.05
    # A flow in another direction, of another speed, or none does not fit.
    for wrong in ((-1, 1), (1, -1), (-1, -1), (2, 2), (0, 0), (1, 0), (0, 1)):
        assert residual(gradients, ft, wrong * VELOCITY) > 0.5


def test_cross_is_the_sum_of_both_central_differences():
    """One map for two directions: it sees the flow only along the diagonal."""
    (cross, ft) = off_of_a_translating_pattern("cross")
    fx, fy, _ = off_of_a_translating_pattern("prewitt")
    difference = cross / SCALES["cross"] - (fx + fy) / SCALES["prewitt"]
    assert np.sqrt(np.mean(difference**2) / np.mean(cross**2)) < 0.05
    # VELOCITY is not on the diagonal: no speed along it explains Ft.
    speeds = np.linspace(-0.2, 0.2, 81)
    assert min(residual([cross / 2], ft, [speed]) for speed in speeds) > 0.1


# === Shapes that are not known in advance ===


@pytest.mark.parametrize("operator", KERNELS)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_unknown_segments_and_size(operator, jit_compile):
    clips = keras.Input((None, None, None, 5))
    layer = OFF(4, operator=operator)
    features = layer(clips)
    channels = 8 if operator == "cross" else 12
    assert features.shape == (None, None, None, None, channels)
    model = keras.Model(clips, features)
    model.compile(jit_compile=jit_compile)
    for shape in ((1, 2, 4, 6, 5), (3, 7, 5, 3, 5)):
        clip = random(*shape)
        np.testing.assert_allclose(
            model.predict(clip, verbose=0), array(layer(clip)), atol=1e-5
        )


# === Errors ===


def test_errors():
    with pytest.raises(ValueError, match="`operator` must be one of .*'scharr'"):
        SpatialGradient("scharr")
    with pytest.raises(ValueError, match="`operator` must be one of .*'scharr'"):
        OFF(operator="scharr")
    with pytest.raises(ValueError, match=r"SpatialGradient expects .*\(6, 8, 3\)"):
        SpatialGradient()(random(6, 8, 3))
    with pytest.raises(ValueError, match="known number of channels"):
        SpatialGradient()(keras.Input((6, 8, None)))
    with pytest.raises(ValueError, match="its spatial part, its temporal part or both"):
        OFF(spatial=False, temporal=False)
    with pytest.raises(ValueError, match=r"OFF expects .*\(2, 6, 8, 3\)"):
        OFF()(random(2, 6, 8, 3))
    for layer in (OFF(), TemporalDifference()):
        with pytest.raises(
            ValueError, match=rf"{type(layer).__name__} needs at least two segments"
        ):
            layer(random(2, 1, 6, 8, 3))


# === LiteRT ===

CONVERT = """
import sys
import tensorflow as tf
converter = tf.lite.TFLiteConverter.from_saved_model(sys.argv[1])
open(sys.argv[2], "wb").write(converter.convert())
"""


@pytest.mark.parametrize("operator", KERNELS)
def test_litert(operator, tmp_path):
    """The gradients become one builtin each, and give the same numbers."""
    from ai_edge_litert.interpreter import Interpreter

    clips = keras.Input((3, 8, 10, 4), name="clips")
    model = keras.Model(clips, {"off": OFF(4, operator=operator)(clips)})
    model.export(tmp_path / "saved_model", verbose=False)
    # A failing converter may end the process, so it has one of its own.
    flatbuffer = tmp_path / "off.tflite"
    arguments = [str(tmp_path / "saved_model"), str(flatbuffer)]
    subprocess.run([sys.executable, "-c", CONVERT, *arguments], check=True)

    interpreter = Interpreter(str(flatbuffer))
    runner = interpreter.get_signature_runner()
    clip = random(1, 3, 8, 10, 4)
    (name,) = runner.get_input_details()
    np.testing.assert_allclose(
        runner(**{name: clip})["off"], array(model(clip)["off"]), atol=1e-5
    )
    operations = [op["op_name"] for op in interpreter._get_ops_details()]
    assert operations.count("DEPTHWISE_CONV_2D") == len(KERNELS[operator])
    assert not [name for name in operations if "Flex" in name or name == "CUSTOM"]
