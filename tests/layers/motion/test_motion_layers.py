"""Every layer against a loop in NumPy over clips, frames and cells, on odd sizes."""

import keras
import numpy as np
import pytest

from offkeras import layers
from tests.support.helpers import array, check_layer, random, randomize

SIZE = (2, 3, 5, 7, 8)  # batch, segments, height, width, channels


def norm(x, inner):
    gamma, beta, mean, variance = map(array, inner.weights)
    return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta


def conv(x, inner, strides=1):
    """Of (H, W, C), by the kernel of a convolution or of a depthwise one."""
    kernel = array(inner.kernel)
    depthwise = isinstance(inner, keras.layers.DepthwiseConv2D)
    size = kernel.shape[0]
    x = np.pad(x, [(size // 2,) * 2, (size // 2,) * 2, (0, 0)])
    rows = range(0, x.shape[0] - size + 1, strides)
    columns = range(0, x.shape[1] - size + 1, strides)
    out = []
    for i in rows:
        for j in columns:
            window = x[i : i + size, j : j + size]
            if depthwise:
                out.append((window * kernel[..., 0]).sum((0, 1)))
            else:
                out.append(np.tensordot(window, kernel, 3))
    return np.reshape(out, (len(rows), len(columns), -1))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def nearest(x, height, width):
    rows = [x[i * x.shape[0] // height] for i in range(height)]
    return np.stack([[r[j * x.shape[1] // width] for j in range(width)] for r in rows])


def pooled(x):
    return np.array(
        [
            [x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean((0, 1)) for j in range(w)]
            for i, w in [(i, x.shape[1] // 2) for i in range(x.shape[0] // 2)]
        ]
    )


def excitation(layer, clip):
    u = [norm(conv(x, layer.reduce), layer.reduce_norm) for x in clip]
    out = []
    for t, x in enumerate(clip):
        d = np.zeros_like(u[0])
        if t + 1 < len(clip):
            d = conv(u[t + 1], layer.transform) - u[t]
        mean = d.mean((0, 1), keepdims=True)
        a = sigmoid(norm(conv(mean, layer.expand), layer.expand_norm)) - 0.5
        out.append(x + x * a)
    return np.stack(out)


def long_term(layer, clip):
    u = [norm(conv(x, layer.reduce), layer.reduce_norm) for x in clip]
    out = []
    for t, x in enumerate(clip):
        gates = []
        for neighbour in (t + 1, t - 1):
            d = np.zeros_like(u[0])
            if 0 <= neighbour < len(clip):
                d = conv(u[neighbour], layer.transform) - u[t]
            fine = norm(conv(d, layer.fine), layer.fine_norm)
            coarse = norm(conv(pooled(d), layer.coarse), layer.coarse_norm)
            m = (d + fine + nearest(coarse, *d.shape[:2])) / 3
            gates.append(sigmoid(norm(conv(m, layer.expand), layer.expand_norm)) - 0.5)
        out.append(x + x * (gates[0] + gates[1]) / 2)
    return np.stack(out)


def squeeze(layer, clip):
    reduced = []
    for x in clip:
        r = np.maximum(norm(conv(x, layer.reduce), layer.reduce_norm), 0)
        reduced.append(r / np.sqrt((r**2).sum(-1, keepdims=True) + 1e-6))
    motions = [
        displacement(first, second, layer)
        for first, second in zip(reduced, reduced[1:], strict=False)
    ]
    added = []
    for x in motions:
        for inner, normal in zip(layer.convolutions, layer.norms, strict=True):
            x = np.maximum(norm(conv(x, inner), normal), 0)
        added.append(x)
    return clip + np.stack([*added, added[-1]])


def displacement(first, second, layer):
    """Right, down and the correlation there, by the formula."""
    height, width = first.shape[:2]
    r, out = layer.radius, np.zeros((*first.shape[:2], 3))
    for y in range(height):
        for x in range(width):
            scores = {}
            for dy in range(-r, r + 1):
                for dx in range(-r, r + 1):
                    inside = 0 <= y + dy < height and 0 <= x + dx < width
                    other = second[y + dy, x + dx] if inside else 0 * second[0, 0]
                    scores[dy, dx] = max(first[y, x] @ other, 0)
            by, bx = max(scores, key=scores.get)
            weight = {
                (dy, dx): np.exp(
                    layer.temperature
                    * s
                    * np.exp(-((dy - by) ** 2 + (dx - bx) ** 2) / (2 * layer.sigma**2))
                )
                for (dy, dx), s in scores.items()
            }
            total = sum(weight.values())
            for (dy, dx), w in weight.items():
                out[y, x, :2] += np.array([dx, dy]) * w / total / r
            out[y, x, 2] = scores[by, bx]
    return out


LOOPS = {
    "tea": (lambda **o: layers.MotionExcitation(reduction=4, **o), excitation),
    "tdn": (lambda **o: layers.LongTermDifference(reduction=4, **o), long_term),
    "motion_squeeze": (
        lambda **o: layers.MotionSqueeze(6, radius=2, sigma=1.5, temperature=9, **o),
        squeeze,
    ),
}


@pytest.fixture(params=LOOPS)
def pair(request):
    """A layer with random weights and its loop."""
    make, loop = LOOPS[request.param]
    layer = make()
    layer(random(*SIZE))
    randomize(layer)
    return layer, loop


def test_a_clip_is_that_of_a_loop(pair):
    layer, loop = pair
    clips = random(*SIZE)
    expected = np.stack([loop(layer, clip) for clip in clips])
    np.testing.assert_allclose(array(layer(clips)), expected, rtol=1e-3, atol=1e-4)


def test_frame_by_frame_is_the_clip_without_its_last(pair):
    layer, _ = pair
    clips = random(*SIZE)
    expected = array(layer(clips))[:, :-1]
    memory, frames = layer.remember(clips[:, 0]), []
    for t in range(1, clips.shape[1]):
        following = layer.remember(clips[:, t], memory)
        frames.append(array(layer.between(memory, following)))
        memory = following
    np.testing.assert_allclose(np.stack(frames, 1), expected, rtol=1e-4, atol=1e-5)
    config = {**layer.get_config(), "keep_last": False}
    shorter = type(layer).from_config(config)
    result = shorter(clips)
    assert shorter.compute_output_shape(clips.shape) == result.shape == expected.shape
    shorter.set_weights(layer.get_weights())
    np.testing.assert_allclose(array(shorter(clips)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "channels", "parameters"),
    [
        (layers.MotionExcitation, 256, 8880),
        (layers.LongTermDifference, 256, 13552),
        (layers.MotionSqueeze, 512, 70905),
    ],
)
def test_parameters_are_those_that_were_published(layer, channels, parameters):
    layer = layer()
    layer.build((None, 8, 14, 14, channels))
    assert sum(np.prod(w.shape) for w in layer.trainable_weights) == parameters


def test_in_a_graph_of_half_precision(pair):
    """`test_layer` is thorough, and slow."""
    layer, _ = pair
    half = type(layer).from_config({**layer.get_config(), "dtype": "mixed_float16"})
    frames = keras.Input((None, 5, 7, 8))
    model = keras.Model(frames, half(frames))
    half.set_weights(layer.get_weights())
    assert model.output.dtype == "float16"
    assert model.output.shape == (None, None, 5, 7, 8)
    inner = {x.dtype_policy.name for x in half._flatten_layers()}
    assert inner == {"mixed_float16"}
    clips = random(*SIZE)
    error = np.abs(array(model(clips)) - array(layer(clips)))
    assert np.median(error) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "parameters", "statistics"),
    [
        ("tea", 8 * 2 + 4 + 9 * 2 + 2 * 8 + 16, 2 * (2 + 8)),
        ("tdn", 8 * 2 + 4 + 9 * 2 + 2 * (9 * 4 + 4) + 2 * 8 + 16, 2 * (2 + 2 + 2 + 8)),
        (
            "motion_squeeze",
            8 * 6
            + 12
            + (147 + 6 + 48 + 32)
            + (144 + 32 + 512 + 64)
            # Three by three of 32 and of 64 channels, and their norms.
            + (288 + 64 + 2048 + 128)
            + (576 + 128 + 512 + 16),
            2 * (6 + 3 + 16 + 16 + 32 + 32 + 64 + 64 + 8),
        ),
    ],
)
def test_layer(name, parameters, statistics, tmp_path):
    check_layer(
        LOOPS[name][0],
        random(2, 3, 4, 5, 8),
        output_shape=(2, 3, 4, 5, 8),
        parameters=parameters,
        statistics=statistics,
        tmp_path=tmp_path,
    )


def test_a_shift_of_features_is_seen_as_a_displacement():
    """Features that say where they come from, moved by (2, 1)."""
    rng = np.random.default_rng(0)
    world = rng.normal(size=(12, 14, 16)).astype("float32")
    world /= np.linalg.norm(world, axis=-1, keepdims=True)
    first, second = world[None, 1:, 2:], world[None, :-1, :-2]
    layer = layers.MotionSqueeze()
    right, down, best = np.moveaxis(array(layer.displacement(first, second))[0], -1, 0)
    inner = slice(0, -1), slice(0, -2)  # the rest moves out of sight
    np.testing.assert_allclose(7 * right[inner], 2, atol=0.05)
    np.testing.assert_allclose(7 * down[inner], 1, atol=0.05)
    np.testing.assert_allclose(best[inner], 1, atol=1e-5)


def test_wrong_inputs_are_named():
    for make, _ in LOOPS.values():
        with pytest.raises(ValueError, match="expects features of shape .batch, seg"):
            make().build((2, 5, 7, 8))
        with pytest.raises(ValueError, match="needs at least two segments"):
            make().build((2, 1, 5, 7, 8))
    with pytest.raises(ValueError, match="reduction=16 needs as many.*: 8"):
        layers.MotionExcitation().build(SIZE)
    with pytest.raises(ValueError, match="two pixels in height and width.*: 1x7"):
        layers.LongTermDifference(reduction=4).build((2, 3, 1, 7, 8))
    with pytest.raises(ValueError, match="TemporalConvolution expects"):
        layers.TemporalConvolution().build((2, 5, 7, 8))
    with pytest.raises(ValueError, match="5 RGB frames side by side"):
        layers.ShortTermDifference().build((2, 16, 16, 12))


# === The other parts of TDN ===


def short_term(layer, frames):
    x = np.concatenate(
        [
            frames[..., 3 * k + 3 : 3 * k + 6] - frames[..., 3 * k : 3 * k + 3]
            for k in range(4)
        ],
        axis=-1,
    )
    x = np.maximum(norm(conv(pooled(x), layer.convolve, strides=2), layer.norm), 0)
    padded = np.pad(x, [(1, 1), (1, 1), (0, 0)], constant_values=-np.inf)
    rows, columns = (range(0, side, 2) for side in x.shape[:2])
    return np.array(
        [[padded[i : i + 3, j : j + 3].max((0, 1)) for j in columns] for i in rows]
    )


@pytest.mark.parametrize(("height", "width"), [(17, 22), (16, 32)])
def test_short_term_differences_are_those_of_a_loop(height, width):
    layer, frames = layers.ShortTermDifference(4), random(2, height, width, 15)
    layer(frames)
    randomize(layer)
    result = array(layer(frames))
    expected = np.stack([short_term(layer, x) for x in frames])
    assert layer.compute_output_shape(frames.shape) == result.shape
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_short_term_layer(tmp_path):
    check_layer(
        lambda **o: layers.ShortTermDifference(2, **o),
        random(2, 16, 24, 15),
        output_shape=(2, 2, 3, 2),
        parameters=49 * 12 * 2 + 4,
        statistics=4,
        tmp_path=tmp_path,
    )


def test_short_term_parameters_are_those_that_were_published():
    published = layers.ShortTermDifference()
    published.build((None, 224, 224, 15))
    assert published.compute_output_shape((8, 224, 224, 15)) == (8, 28, 28, 64)
    assert sum(np.prod(w.shape) for w in published.trainable_weights) == 37760


def test_fusion_is_that_of_a_loop():
    x, d = random(2, 5, 7, 3), random(2, 2, 3, 3, seed=1)
    layer = layers.DifferenceFusion(0.25)
    expected = [0.75 * a + 0.25 * nearest(b, 5, 7) for a, b in zip(x, d, strict=True)]
    np.testing.assert_allclose(array(layer(x, d)), expected, rtol=1e-6)
    symbolic = layer(keras.Input((5, 7, 3)), keras.Input((2, 3, 3)))
    assert symbolic.shape == (None, 5, 7, 3)
    assert layer.get_config()["share"] == 0.25


def test_temporal_convolution_is_a_shift_and_then_that_of_a_loop(tmp_path):
    clips = random(2, 4, 1, 1, 8)
    layer = layers.TemporalConvolution(4)
    shifted = np.zeros_like(clips)
    shifted[:, :-1, ..., :2] = clips[:, 1:, ..., :2]
    shifted[:, 1:, ..., 2:4] = clips[:, :-1, ..., 2:4]
    shifted[..., 4:] = clips[..., 4:]
    np.testing.assert_array_equal(array(layer(clips)), shifted)
    randomize(layer)
    kernel, expected = array(layer.kernel), np.zeros_like(clips)
    for t in range(4):
        for k in (-1, 0, 1):
            if 0 <= t + k < 4:
                expected[:, t] += kernel[k + 1] * clips[:, t + k]
    np.testing.assert_allclose(array(layer(clips)), expected, atol=1e-6)
    check_layer(
        lambda **o: layers.TemporalConvolution(2, **o),
        clips,
        output_shape=clips.shape,
        parameters=24,
        tmp_path=tmp_path,
    )
