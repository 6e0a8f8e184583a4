import csv
import dataclasses
import json
import math
import shutil
import types

import numpy as np
import pytest

from offkeras import cli, data, inference
from offkeras.data.synthetic import moving_windows
from tests.support.recognizer import small_recognizer

WINDOW = dict(num_segments=3, interval=2)


@pytest.fixture(scope="module")
def recognizer():
    return small_recognizer()


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Shots of 20, 30 and 8 frames: of bikes.mp4 around a cut, and of another video."""
    bikes = data.read_frames(data.sample_video("bikes.mp4"), range(10, 60))
    other = data.read_frames(data.sample_video("carphone_pristine.mp4"), range(8))
    other = np.stack([np.resize(frame, bikes.shape[1:]) for frame in other])
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    data.write_video(path, np.concatenate([bikes, other])[:, ::2, ::2], fps=10)
    return path


def test_shots_are_those_between_cuts(recognizer, film):
    found = list(inference.shots(film, recognizer, shortest=9, **WINDOW))
    assert [(s.number, s.start, s.end) for s in found] == [
        (1, 0, pytest.approx(2.0)),
        (2, pytest.approx(2.0), pytest.approx(5.0)),
        (3, pytest.approx(5.0), pytest.approx(5.8)),
    ]
    assert all(s.reason is None for s in found)


def test_no_window_spans_a_cut(recognizer, film, tmp_path):
    """A shot in a film has the label that it has as a film of its own.

    Its frames are given as images, which are not compressed again.
    """
    from PIL import Image

    (whole, *_) = inference.shots(film, recognizer, shortest=9, **WINDOW)
    options = dict(shortest=9, **WINDOW)
    frames = [frame for _, frame in data.iterate_frames(film)]
    for name, part in (("all", frames), ("second", frames[20:50])):
        (tmp_path / name).mkdir()
        for number, frame in enumerate(part):
            Image.fromarray(frame).save(tmp_path / name / f"{number}.png")
    _, second, _ = inference.shots(tmp_path / "all", recognizer, **options)
    (alone,) = inference.shots(tmp_path / "second", recognizer, **options)
    np.testing.assert_allclose(second.probabilities, alone.probabilities, atol=1e-5)
    windows = inference.classify(tmp_path / "second", recognizer, hop=2, **WINDOW)
    mean = np.mean([p.probabilities for p in windows], axis=0)
    np.testing.assert_allclose(second.probabilities, mean, atol=1e-5)
    assert second.confidence == pytest.approx(mean.max(), abs=1e-5)
    assert np.abs(whole.probabilities - mean).max() > 0.01


def test_a_shot_without_a_window(recognizer, film):
    *_, last = inference.shots(film, recognizer, num_segments=6, interval=2)
    assert last.label is last.confidence is last.probabilities is None
    assert last.reason == "8 frames, a window has 11"


@pytest.mark.parametrize("option", ["smooth", "shortest"])
def test_wrong_options(option, recognizer, film):
    with pytest.raises(ValueError, match=f"`{option}` to be 0 or more. Received: -1"):
        list(inference.shots(film, recognizer, **WINDOW, **{option: -1}))


@pytest.fixture(scope="module")
def pan_then_zoom(tmp_path_factory):
    """One shot: a camera over a video that plays pans for 2.4 s, then zooms."""
    frames = data.read_frames(data.sample_video("carphone_pristine.mp4"), range(120))
    pan = moving_windows.path({"x": 1}, *frames.shape[1:3], 60, "b")
    zoom = [
        dataclasses.replace(pan[-1], side=pan[-1].side * math.exp(-step / 100))
        for step in range(1, 61)
    ]
    pictures = (
        moving_windows.render(frame, window, 128)
        for frame, window in zip(frames, [*pan, *zoom], strict=True)
    )
    path = tmp_path_factory.mktemp("pan") / "pan.mp4"
    data.write_video(path, pictures, fps=25)
    return path


@pytest.mark.slow
def test_a_pan_that_becomes_a_zoom_is_divided(pan_then_zoom):
    trained = inference.trained_model("moving_camera", "recognizer")
    window = dict(num_segments=6, interval=4)
    found = list(inference.shots(pan_then_zoom, trained.load(), **window))
    assert [trained.class_names[s.label] for s in found] == ["pan_right", "zoom_in"]
    assert [s.number for s in found] == [1, 1]
    assert found[0].end == pytest.approx(2.4, abs=0.4)


def test_the_command(recognizer, film, tmp_path, capsys, monkeypatch):
    """What is printed and what is written agree; a window has 21 frames."""
    trained = types.SimpleNamespace(
        load=lambda: recognizer,
        class_names=("a", "b", "c"),
        defaults={"segments": 6, "interval": 4},
    )
    monkeypatch.setattr(inference, "trained_model", lambda *_: trained)
    jsonl, table = tmp_path / "a.jsonl", tmp_path / "a.csv"
    cli.main(["classify", str(film), "--shots", "--shortest", "9"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["shot", "start", "end", "confidence", "label"]
    assert lines[1].split()[:3] == ["1", "0:00:00.000", "0:00:02.000"]
    assert lines[1].endswith("(20 frames, a window has 21)")
    number, start, end, confidence, label = lines[2].split()
    assert (number, start, end) == ("2", "0:00:02.000", "0:00:05.000")
    outputs = ["--json", str(jsonl), "--csv", str(table)]
    cli.main(["classify", str(film), "--shots", "--shortest", "9", *outputs])
    rows = [json.loads(line) for line in jsonl.read_text().splitlines()]
    assert rows[0]["label"] is None and rows[0]["probabilities"] is None
    assert rows[0]["reason"] == "20 frames, a window has 21"
    assert (
        rows[1]["label"]
        == label
        == max(rows[1]["probabilities"], key=rows[1]["probabilities"].get)
    )
    assert f"{rows[1]['confidence']:.1%}" == confidence
    with open(table, encoding="utf-8", newline="") as file:
        for row, found in zip(csv.DictReader(file), rows, strict=True):
            for name, text in row.items():
                assert text == ("" if found[name] is None else str(found[name]))


@pytest.mark.parametrize(
    "options, message",
    [
        (["--shots", "--hop", "2"], "--shots has no use for --hop"),
        (["--shots", "--output", "a.mp4"], "--shots has no use for --output"),
        (["--smooth", "1"], "classify without --shots has no use for --smooth"),
        (["--whole", "--shortest", "1"], "--whole has no use for --shortest"),
    ],
)
def test_options_of_the_command(options, message, film):
    with pytest.raises(SystemExit, match=message):
        cli.main(["classify", str(film), *options])


def test_a_model_that_does_not_know_its_interval(film, tmp_path):
    model = inference.trained_model("camera_motion", "recognizer").path
    shutil.copy(model, tmp_path / "alone.keras")
    options = ["--shots", "--model", str(tmp_path / "alone.keras")]
    with pytest.raises(SystemExit, match="Expected --interval with --shots.*alone"):
        cli.main(["classify", str(film), *options])
