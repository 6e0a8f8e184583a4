import keras
import numpy as np
import pytest

from offkeras.models import DnCNN, OFFArtifactRemover, streaming


def small(num_frames, **options):
    options = {"width": 8, "refine_convs": 2, "tail_convs": 3} | options
    return OFFArtifactRemover(num_frames, **options)


def randomize(model, seed=0):
    """Every weight random, so that nothing is hidden by a zero."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [rng.normal(0, 0.2, weight.shape) for weight in model.get_weights()]
    )
    return model


def video(frames, height=19, width=23, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (frames, height, width, 3)).astype("uint8")


@pytest.mark.parametrize(
    "model, parameters",
    [
        (lambda: DnCNN(), 668_227),
        (lambda: DnCNN(width=24, depth=10), 42_987),
        (lambda: OFFArtifactRemover(1), 967_683),
        (lambda: OFFArtifactRemover(2), 1_004_547),
        (lambda: OFFArtifactRemover(3), 1_041_411),
        (lambda: OFFArtifactRemover(2, tail_convs=17), 967_619),
        (lambda: OFFArtifactRemover(3, tail_convs=17), 1_004_483),
        (lambda: OFFArtifactRemover(3, filters=32), 965_603),
    ],
)
def test_parameter_counts(model, parameters):
    assert model().count_params() == parameters


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (37, 53)])
@pytest.mark.parametrize("num_frames", [0, 1, 2, 3])  # 0: DnCNN
def test_any_size_and_the_untrained_model_returns_the_target(num_frames, size, dtype):
    model = small(num_frames) if num_frames else DnCNN(width=8, depth=4)
    frames = video(2 * max(num_frames, 1), *size).reshape(2, -1, *size, 3)
    restored = model({"frames": frames.astype(dtype)})["restored"]
    assert restored.dtype == "float32"
    np.testing.assert_array_equal(restored, frames[:, num_frames // 2])


def convolve(x, layer):
    """The 'same' convolution of one image by brute force."""
    kernel, bias = (np.asarray(weight, "float64") for weight in layer.get_weights())
    border = kernel.shape[0] // 2
    padded = np.pad(x, ((border, border), (border, border), (0, 0)))
    y = np.zeros((*x.shape[:2], kernel.shape[-1])) + bias
    for row in range(kernel.shape[0]):
        for column in range(kernel.shape[1]):
            window = padded[row : row + x.shape[0], column : column + x.shape[1]]
            y += window @ kernel[row, column]
    return y


def gradient(f):
    """Fx, Fy of equations 5 and 6, pixel by pixel."""
    padded = np.pad(f, ((1, 1), (1, 1), (0, 0)))
    fx, fy = np.zeros_like(f), np.zeros_like(f)
    for y in range(f.shape[0]):
        for x in range(f.shape[1]):
            window = padded[y : y + 3, x : x + 3]
            fx[y, x] = window[:, 2].sum(0) - window[:, 0].sum(0)
            fy[y, x] = window[0].sum(0) - window[2].sum(0)
    return fx, fy


@pytest.mark.parametrize("num_frames", [1, 2, 3])
def test_the_graph_is_the_one_of_figure_6(num_frames):
    model = randomize(small(num_frames, width=4, filters=5))
    frames = video(num_frames, 6, 7)
    head, tail = model.get_layer("head"), model.get_layer("tail")

    def relu_chain(x, part, names):
        for name in names:
            x = np.maximum(convolve(x, part.get_layer(name)), 0)
        return x

    features = [
        relu_chain(frame / 255.0, head, ["head_1", "head_2", "head_3"])
        for frame in frames
    ]
    reduced = [convolve(f, head.get_layer("reduce")) for f in features]
    target = num_frames // 2
    mixture = np.concatenate(
        [
            *gradient(reduced[target]),
            *[reduced[i + 1] - reduced[i] for i in range(num_frames - 1)],
            features[target],
        ],
        axis=-1,
    )
    x = relu_chain(mixture, tail, ["refine_1", "refine_2"]) + features[target]
    x = relu_chain(x, tail, ["tail_1", "tail_2"])
    expected = frames[target] - 255 * convolve(x, tail.get_layer("artifacts"))

    restored = model({"frames": frames[None]})["restored"][0]
    np.testing.assert_allclose(restored, expected, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("num_frames", [2, 3])
def test_streaming_equals_the_whole_clip(num_frames):
    model = randomize(small(num_frames))
    frames = video(6)
    # The video continued by its first and its last frame.
    padded = np.concatenate([frames[:1], frames, frames[-1:]])
    whole = [
        model({"frames": padded[None, i : i + num_frames]})["restored"][0]
        for i in range(len(frames))
    ]

    start, step = streaming(model)
    state = start({"frame": frames[:1]})
    order = [*frames, frames[-1]][num_frames - 2 :][: len(frames)]
    streamed = []
    for frame in order:
        state = step({"frame": keras.ops.convert_to_tensor(frame[None]), **state})
        streamed.append(state.pop("restored")[0])

    scale = np.abs(whole).max()
    np.testing.assert_allclose(
        np.array(streamed) / scale, np.array(whole) / scale, atol=1e-5
    )
    # One head a frame: both models hold the layers of the trained one.
    assert step.get_layer("head") is model.get_layer("head")
    assert start.get_layer("head") is model.get_layer("head")


def test_streaming_refuses_models_without_a_state():
    for model in (DnCNN(depth=3), small(1)):
        with pytest.raises(ValueError, match="of 2 or 3 frames"):
            streaming(model)


def test_neighbours_matter_only_where_they_differ_from_the_target():
    model = randomize(small(3))
    frames = video(3)[None]
    same = frames[:, [1, 1, 1]]
    moved = frames.copy()
    moved[:, 0, 9, 11] ^= 255
    restored = {
        key: np.asarray(model({"frames": value})["restored"])
        for key, value in {"frames": frames, "same": same, "moved": moved}.items()
    }
    assert np.abs(restored["frames"] - restored["same"]).max() > 1
    difference = np.abs(restored["frames"] - restored["moved"])[0].max(-1)
    rows, columns = np.nonzero(difference > 1e-3)
    # Receptive field of a neighbour: head 3 + refine 2 + tail 3.
    assert (rows.min(), rows.max()) == (1, 17)
    assert (columns.min(), columns.max()) == (3, 19)


@pytest.mark.parametrize("model", [lambda: DnCNN(width=8, depth=3), lambda: small(3)])
def test_saved_and_loaded(model, tmp_path):
    model = randomize(model())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    frames = {"frames": video(model.inputs[0].shape[1])[None]}
    np.testing.assert_array_equal(loaded(frames)["restored"], model(frames)["restored"])


def test_half_precision_keeps_the_identity_mapping_exact():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = small(3)
    finally:
        keras.config.set_dtype_policy(policy)
    frames = video(3)[None] + np.float32(0.25)
    restored = model({"frames": frames})["restored"]
    assert restored.dtype == "float32"
    np.testing.assert_array_equal(restored, frames[:, 1])


def test_xavier_is_the_papers_initialization():
    model = small(2, initialization="xavier", width=64)
    for part in ("head", "tail"):
        for layer in model.get_layer(part).layers:
            if isinstance(layer, keras.layers.Conv2D):
                assert isinstance(
                    layer.kernel_initializer, keras.initializers.GlorotUniform
                )
    kernel = model.get_layer("tail").get_layer("tail_1").get_weights()[0]
    assert np.isclose(kernel.std(), np.sqrt(2 / (2 * 9 * 64)), rtol=0.02)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"num_frames": 4}, "`num_frames` must be 1, 2 or 3. Received: 4"),
        ({"head_convs": 0}, "`head_convs` must be at least 1. Received: 0"),
        ({"refine_convs": 0}, "`refine_convs` must be at least 1"),
        ({"tail_convs": 0}, "`tail_convs` must be at least 1"),
        ({"initialization": "zeros"}, "one of .*he.*xavier.*Received: 'zeros'"),
        ({"operator": "canny"}, "`operator` must be one of"),
    ],
)
def test_errors_name_the_argument(options, message):
    with pytest.raises(ValueError, match=message):
        OFFArtifactRemover(**options)
    if "initialization" in options:
        with pytest.raises(ValueError, match=message):
            DnCNN(**options)


def test_dncnn_has_at_least_two_convolutions():
    with pytest.raises(ValueError, match="`depth` must be at least 2. Received: 1"):
        DnCNN(depth=1)
