import functools
import importlib

import numpy as np
import pytest
import tensorflow as tf

from offkeras import data, inference, modalities
from offkeras.inference import segments
from tests.support.recognizer import SIZE, small_recognizer

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def recognizer():
    return small_recognizer()


@pytest.fixture(scope="module")
def video():
    return data.sample_video("carphone_pristine.mp4")


@pytest.fixture(scope="module")
def short(video, tmp_path_factory):
    """Forty frames, also as a folder of images."""
    folder = tmp_path_factory.mktemp("short")
    data.write_video(folder / "short.mp4", data.read_frames(video, range(40)), fps=10)
    return folder / "short.mp4"


@functools.lru_cache
def whole_clip(recognizer):
    return tf.function(functools.partial(recognizer, training=False), autograph=False)


def expected_probabilities(recognizer, frames):
    """The model on the whole clip, fused as in section 4.3."""
    clip = np.asarray(frames)[None].astype("float32")
    if clip.shape[2] != SIZE:
        clip = data.center_crop(frames, SIZE).numpy()[None].astype("float32")
    outputs = whole_clip(recognizer)({"frames": clip})
    logits = (outputs["appearance"] + outputs["off_3"]).numpy()[0].astype("float64")
    exponents = np.exp(logits - logits.max())
    return exponents / exponents.sum()


# Windows that share segments, that share none, that leave frames out, one a frame.
@pytest.mark.parametrize("interval, hop", [(2, 4), (3, 4), (2, 9), (1, 1), (2, None)])
def test_windows_equal_the_model_on_their_frames(interval, hop, recognizer, short):
    predictions = list(
        inference.classify(
            short, recognizer, num_segments=3, interval=interval, hop=hop
        )
    )
    frames = data.read_frames(short, range(40))
    hop = hop or interval
    starts = range(0, 40 - 2 * interval, hop)
    assert len(predictions) == len(starts)
    for prediction, start in zip(predictions, starts, strict=True):
        indices = [start, start + interval, start + 2 * interval]
        expected = expected_probabilities(recognizer, frames[indices])
        np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-5)
        assert prediction.label == expected.argmax()
        assert prediction.confidence == pytest.approx(expected.max(), abs=1e-5)
        assert prediction.timestamp == pytest.approx(indices[-1] / 10)
        assert prediction.start == pytest.approx(start / 10)
    assert len({prediction.confidence for prediction in predictions}) > 1


@pytest.mark.parametrize("hop, passes", [(4, 20), (3, 39), (14, 9)])
def test_the_backbone_sees_a_segment_once(hop, passes, recognizer, short, monkeypatch):
    """All even frames; all but frame 1; 0 2 4, 14 16 18, 28 30 32."""
    module = importlib.import_module("offkeras.inference.windows")
    seen = []

    def scores(frame, state):
        seen.append(frame.numpy())
        logits = {"appearance": tf.zeros((1, 3))}
        if state is not None:
            logits["off_3"] = tf.zeros((1, 3))
        return logits, {"state_off_layer_1": frame}

    monkeypatch.setattr(module, "segment_scores", lambda recognizer: scores)
    options = dict(num_segments=3, interval=2, hop=hop)
    list(inference.classify(short, recognizer, **options))
    assert len(seen) == passes
    assert len({frame.tobytes() for frame in seen}) == passes


def test_25_segments_are_the_whole_video(recognizer, video):
    """One window with the Δt of training: the frames of the test protocol."""
    (prediction,) = inference.classify(video, recognizer, num_segments=25)
    length = data.probe(video).num_frames
    frames = data.read_frames(video, data.evaluation_indices(length))
    expected = expected_probabilities(recognizer, frames)
    np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-5)


@pytest.mark.parametrize("total_segments", [25, 60])
def test_a_whole_video_is_tested_as_in_training(
    total_segments, recognizer, short, tmp_path
):
    """60 segments of 40 frames: the last one is repeated."""
    prediction = inference.classify_video(
        short, recognizer, total_segments=total_segments
    )
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / short.name).symlink_to(short)
    folder = data.ClassFolder.open(tmp_path)
    options = dict(num_segments=total_segments, total_segments=total_segments)
    ((clips, _),) = folder.evaluate(batch_size=1, size=SIZE, **options)
    expected = expected_probabilities(recognizer, clips[0])
    np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-5)
    assert (prediction.start, prediction.timestamp) == (
        0,
        pytest.approx((24 if total_segments == 25 else 39) / 10),
    )


def test_a_crop_of_what_is_scaled_already_is_the_same():
    """Sizes with and without spare pixels that are odd."""
    noise = np.random.default_rng(0).integers(0, 256, (37, 50, 3), np.uint8)
    for image in (noise, noise.swapaxes(0, 1)):
        stream = segments.SegmentStream(modalities.find("rgb"), SIZE)
        stream.add(0.0, image)
        expected = data.center_crop(image[None], SIZE)
        np.testing.assert_array_equal(stream.segment(), expected)


def test_the_released_variant(short):
    model = small_recognizer(variant="released")
    prediction = next(inference.classify(short, model, num_segments=3, interval=2))
    frames = data.read_frames(short, [0, 2, 4])
    expected = expected_probabilities(model, frames)
    np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-5)


def test_shorter_than_a_window(recognizer, tmp_path):
    path = tmp_path / "short.mp4"
    data.write_video(path, iter(np.zeros((5, 32, 32, 3), np.uint8)), fps=25)
    with pytest.raises(ValueError, match=r"short.mp4 is shorter.*at least 9.*: 5"):
        list(inference.classify(path, recognizer, num_segments=5, interval=2))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"num_segments": 1}, "`num_segments` to be 2 or more. Received: 1"),
        ({"interval": 0}, "`interval` to be 1 or more. Received: 0"),
        ({"hop": 0}, "`hop` to be 1 or more. Received: 0"),
    ],
)
def test_wrong_windows(options, message, recognizer, short):
    with pytest.raises(ValueError, match=message):
        list(inference.classify(short, recognizer, **options))


def test_models_that_cannot(short):
    flow = small_recognizer(modality="flow", channels=10)
    with pytest.raises(ValueError, match="for RGB: test others with"):
        inference.classify_video(short, flow)
    with pytest.raises(ValueError, match="for codec, by its ch.* of 10 channels"):
        list(inference.classify(short, flow, modality="codec"))
    codec = small_recognizer(modality="codec", channels=20)
    for source in (short.parent, inference.Camera(0), 0, inference.Isolated(short)):
        with pytest.raises(ValueError, match="Expected a video file: motion vectors"):
            list(inference.classify(source, codec, interval=1))
    hypercolumn = small_recognizer(spatial=False, temporal=False)
    with pytest.raises(ValueError, match="with OFF layers"):
        list(inference.classify(short, hypercolumn))


@pytest.mark.parametrize(
    "modality",
    [
        *("rgb_diff", "codec"),
        pytest.param("flow", marks=pytest.mark.slow),
        pytest.param("dynamic_image", marks=pytest.mark.slow),
    ],
)
def test_other_modalities_are_shown_as_class_folders_show_them(
    modality, short, tmp_path
):
    kind = modalities.find(modality)
    model = small_recognizer(modality=modality, channels=kind.channels)
    # 40 frames, or 39 fields: four segments; the first three of them.
    interval = 10 if kind.images == ("rgb",) else 9
    first, *_ = inference.classify(
        short, model, num_segments=3, interval=interval, modality=modality
    )
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / short.name).symlink_to(short)
    folder = data.ClassFolder.open(tmp_path)
    ((clips, _),) = folder.evaluate(
        batch_size=1, modality=modality, num_segments=4, total_segments=4, size=SIZE
    )
    expected = expected_probabilities(model, clips[0, :3])
    np.testing.assert_allclose(first.probabilities, expected, atol=1e-4)
    assert first.start == 0
    lead = {"codec": 10, "dynamic_image": 9}.get(modality, 5)
    assert first.timestamp == pytest.approx((2 * interval + lead) / 10)


def test_annotated_video_keeps_frames_and_rate(recognizer, video, tmp_path):
    output = tmp_path / "out.mp4"
    window = dict(num_segments=2, interval=1, hop=50)
    stream = list(inference.classify_frames(video, recognizer, **window))
    predictions = [prediction for _, prediction in stream if prediction is not None]
    source = data.probe(video)
    drawn = inference.draw_predictions(stream, NAMES)
    data.write_video(output, drawn, fps=source.fps)
    written = data.probe(output)
    assert (written.num_frames, written.fps) == (source.num_frames, source.fps)
    assert (written.height, written.width) == (source.height, source.width)
    assert len(predictions) == len(range(1, source.num_frames, 50))
    # The caption is drawn on the top and nothing on the bottom of the picture.
    frame = data.read_frames(output, [60])[0].astype(float)
    difference = np.abs(frame - data.read_frames(video, [60])[0])
    middle = len(frame) // 2
    assert difference[:middle].max() > 100 > 40 > difference[middle:].mean()
