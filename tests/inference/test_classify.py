import importlib

import keras
import numpy as np
import pytest

from offkeras import backbones, cli, data, inference, models


@pytest.fixture(scope="module")
def recognizer():
    keras.utils.set_random_seed(0)
    backbone = backbones.BNInception(width=0.125, input_shape=(32, 32, 3))
    model = models.OFFActionRecognizer(3, num_segments=None, backbone=backbone)
    for layer in model.layers:
        if layer.name.endswith("_logits"):
            layer.kernel.assign(keras.random.normal(layer.kernel.shape))
    return model


@pytest.fixture(scope="module")
def video():
    return data.sample_video("carphone_pristine.mp4")


def test_windows_equal_the_model_on_their_frames(recognizer, video):
    predictions = list(
        inference.classify(video, recognizer, num_segments=3, interval=2, hop=4)
    )
    last = list(range(4, data.probe(video).num_frames, 4))
    assert len(predictions) == len(last)
    timestamps = [time for time, _ in data.iterate_frames(video)]
    for prediction, frame in list(zip(predictions, last, strict=True))[::20]:
        frames = data.read_frames(video, [frame - 4, frame - 2, frame])
        clip = data.center_crop(frames, 32).numpy()[None]
        outputs = recognizer({"frames": clip}, training=False)
        logits = (outputs["appearance"] + outputs["off_3"]).numpy()[0]
        expected = np.exp(logits - logits.max())
        expected /= expected.sum()
        np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-4)
        assert prediction.label == expected.argmax()
        assert prediction.confidence == pytest.approx(expected.max(), abs=1e-4)
        assert prediction.timestamp == pytest.approx(timestamps[frame])


def test_25_segments_are_the_whole_video(recognizer, video):
    """One window with the Δt of training: the frames of the test protocol."""
    (prediction,) = inference.classify(video, recognizer, num_segments=25)
    length = data.probe(video).num_frames
    frames = data.read_frames(video, data.test_indices(length))
    clip = data.center_crop(frames, 32).numpy()[None]
    outputs = recognizer({"frames": clip}, training=False)
    logits = (outputs["appearance"] + outputs["off_3"]).numpy()[0]
    expected = np.exp(logits - logits.max())
    np.testing.assert_allclose(
        prediction.probabilities, expected / expected.sum(), atol=1e-4
    )


def test_only_frames_of_a_clip_are_cropped(recognizer, video, monkeypatch):
    module = importlib.import_module("offkeras.inference.classify")
    crops, crop = [], data.center_crop
    length = data.probe(video).num_frames

    def counting(clip, size):
        crops.append(clip.shape)
        return crop(clip, size)

    monkeypatch.setattr(module, "center_crop", counting)
    options = dict(num_segments=3, interval=10, hop=14)
    predictions = list(inference.classify(video, recognizer, **options))
    starts = range(0, length, 14)  # the last ones are not complete
    used = {start + 10 * i for start in starts for i in range(3)}
    assert len(crops) == len([i for i in used if i < length])
    assert len(crops) < 0.25 * length
    assert len(predictions) == len(range(20, length, 14))


def test_shorter_than_a_window(recognizer, tmp_path):
    path = tmp_path / "short.mp4"
    data.write_video(path, iter(np.zeros((5, 32, 32, 3), np.uint8)), fps=25)
    with pytest.raises(ValueError, match=r"short.mp4 is shorter.*at least 9.*: 5"):
        list(inference.classify(path, recognizer, num_segments=5, interval=2))


def test_annotated_video_keeps_frames_and_rate(recognizer, video, tmp_path):
    output = tmp_path / "out.mp4"
    predictions = inference.annotate(
        video, output, recognizer, ["a", "b", "c"], num_segments=2, interval=1, hop=50
    )
    source, written = data.probe(video), data.probe(output)
    assert (written.num_frames, written.fps) == (source.num_frames, source.fps)
    assert (written.height, written.width) == (source.height, source.width)
    assert len(predictions) == len(range(1, source.num_frames, 50))
    # The caption is drawn on the top and nothing on the bottom of the picture.
    frame = data.read_frames(output, [60])[0].astype(float)
    difference = np.abs(frame - data.read_frames(video, [60])[0])
    middle = len(frame) // 2
    assert difference[:middle].max() > 100 > 40 > difference[middle:].mean()


def test_command(recognizer, video, tmp_path, capsys):
    recognizer.save(tmp_path / "recognizer.keras")
    (tmp_path / "labels.txt").write_text("walk\nrun\njump\n")
    cli.main(["classify", video, "--model", str(tmp_path), "--segments", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines and all(line.split()[-1] in ("walk", "run", "jump") for line in lines)


def test_command_reports_bad_input_in_one_sentence(recognizer, video, tmp_path):
    with pytest.raises(SystemExit, match="expected a trained recognizer. Received"):
        cli.main(["classify", video, "--model", str(tmp_path / "nothing")])
    recognizer.save(tmp_path / "recognizer.keras")
    (tmp_path / "empty.mp4").write_bytes(b"")
    with pytest.raises(SystemExit, match="empty.mp4"):
        cli.main(["classify", str(tmp_path / "empty.mp4"), "--model", str(tmp_path)])
