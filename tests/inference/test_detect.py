import importlib

import keras
import numpy as np
import pytest

from offkeras import cli, data, inference, models
from offkeras.data.resize import shorter_side
from offkeras.inference.detection import FrameDetections
from offkeras.inference.drawing.detections import TRAIL, draw_boxes
from tests.support.detection import SMALL, small_backbone

NAMES = ("disc", "square", "triangle")


def detector(kind=models.OFFVideoDetector, **options):
    keras.utils.set_random_seed(0)
    return kind(3, backbone=small_backbone(), **SMALL, **options)


@pytest.fixture(scope="module")
def pair():
    return detector(filters=8)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Eight frames of a real clip, 128x96."""
    frames = data.read_frames(
        data.sample_video("carphone_pristine.mp4"),
        range(8),
        transform=lambda frame: shorter_side(frame, 96)[0].numpy(),
    )
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    data.write_video(path, frames[:, :, :116], fps=10)
    return path


def run_whole(model, video, count):
    """Detections of the whole-clip model on pairs of frames, without a state."""
    frames = np.stack([frame for _, frame in data.iterate_frames(video)])
    for index in range(len(frames)):
        clip = frames[[max(index - 1, 0), index]][-count:]
        yield model({"frames": clip[None].astype("float32")}, training=False)


@pytest.mark.parametrize("kind", ["pair", "rfcn"])
def test_frame_by_frame_equals_the_model_on_pairs(kind, pair, video):
    model = pair if kind == "pair" else detector(models.RFCN)
    frames = 2 if kind == "pair" else 1
    found = list(inference.detect(video, model, short_side=96, min_score=0.0))
    assert len(found) == 8
    assert [frame.timestamp for frame in found] == pytest.approx(np.arange(8) / 10)
    for got, want in zip(found, run_whole(model, video, frames), strict=True):
        count = int(want["count"][0])
        assert len(got.boxes) == count > 0
        np.testing.assert_allclose(got.boxes, want["boxes"][0][:count], atol=1e-2)
        np.testing.assert_allclose(got.scores, want["scores"][0][:count], atol=1e-4)


def test_the_reference_is_the_frame_nearest_to_the_gap(pair, video):
    frames = [frame for _, frame in data.iterate_frames(video)]
    found = list(inference.detect(video, pair, short_side=96, min_score=0.0, gap=0.21))
    for index, got in enumerate(found):
        clip = np.stack([frames[max(index - 2, 0)], frames[index]])[None]
        want = pair({"frames": clip.astype("float32")}, training=False)
        count = int(want["count"][0])
        np.testing.assert_allclose(got.boxes, want["boxes"][0][:count], atol=1e-2)
    with pytest.raises(ValueError, match="`gap` to be 0 seconds or more. Received: -1"):
        next(inference.detect(video, pair, gap=-1))


def test_boxes_are_in_pixels_of_the_video(pair, video):
    (small,), (large,) = (
        [frame.boxes for frame in inference.detect(
            video, pair, short_side=side, min_score=0.0)][:1]
        for side in (48, 96)
    )  # fmt: skip
    for boxes in (small, large):
        assert boxes[:, 2].max() <= 116 + 1e-3 and boxes[:, 3].max() <= 96 + 1e-3
        assert boxes[:, 2].max() > 60  # not in those of the scaled frame


def test_min_score_leaves_out_what_is_below(pair, video):
    every = list(inference.detect(video, pair, short_side=96, min_score=0.0))
    bound = float(np.median(every[0].scores))
    some = list(inference.detect(video, pair, short_side=96, min_score=bound))
    assert 0 < len(some[0].scores) < len(every[0].scores)
    assert some[0].scores.min() >= bound


def test_a_video_of_one_frame(pair, video, tmp_path):
    _, frame = next(data.iterate_frames(video))
    data.write_video(tmp_path / "one.mp4", [frame], fps=10)
    assert len(list(inference.detect(tmp_path / "one.mp4", pair, short_side=96))) == 1


def test_a_change_of_size_names_the_frame(pair, video, monkeypatch):
    frames = [frame for _, frame in data.iterate_frames(video)]
    frames[3] = frames[3][:80]
    monkeypatch.setattr(
        importlib.import_module("offkeras.inference.detection"),
        "iterate_source",
        lambda path: ((i / 10, frame) for i, frame in enumerate(frames)),
    )
    stream = inference.detect(video, pair, short_side=96)
    with pytest.raises(ValueError, match=r"clip.mp4 to be 116x96 .* frame 3 of 116x80"):
        list(stream)


def test_other_models_are_refused(video):
    inputs = keras.Input((4,))
    other = keras.Model(inputs, keras.layers.Dense(1)(inputs), name="other")
    with pytest.raises(ValueError, match="an OFFVideoDetector. Received: 'other'"):
        list(inference.detect(video, other))
    three = detector(filters=8, num_frames=3)
    with pytest.raises(ValueError, match="an OFFVideoDetector of 2 frames. Received"):
        list(inference.detect(video, three))


def found_at(x, y, *, label=1, track=7):
    box = np.float32([[x - 15, y - 20, x + 15, y + 20]])
    score, label, track = np.float32([0.9]), np.int32([label]), np.int32([track])
    return FrameDetections(0.0, box, score, label, track)


def test_draws_a_box_in_the_colour_of_its_class():
    frame = np.zeros((96, 128, 3), np.uint8)
    drawn = draw_boxes(frame, found_at(45, 60), NAMES)
    assert frame.max() == 0
    assert drawn[60, 30].argmax() == 1 and drawn[60, 30, 1] == 255  # green: hue 1/3
    assert drawn[79, 45].max() == 255 and drawn[60, 45].max() == 0
    other = draw_boxes(frame, found_at(45, 60, track=8), NAMES)
    assert (other != drawn).any(-1).sum() > 5  # the number of the track
    assert (other == drawn)[40:].all()


def test_draws_the_path_of_an_object():
    """Three pixels a frame to the right, then another object where it was."""
    frame = np.zeros((120, 300, 3), np.uint8)
    places = [20 + 3 * i for i in range(60)]
    stream = [(frame, found_at(x, 80)) for x in places]
    stream += [(frame, found_at(places[-1], 80, label=0, track=8))]
    drawn = list(inference.draw_detections(stream, NAMES))
    assert frame.max() == 0
    for count, picture in enumerate(drawn[1:-1], start=2):
        inside = picture[75:86, places[count - 1] - 12 : places[count - 1] + 12]
        red, green, blue = inside[5, :13].max(0)
        assert green > 200 > max(red, blue)  # hue 1/3
        before = np.flatnonzero(picture[80, : places[count - 1] - 20].any(-1))
        oldest = places[max(count - TRAIL, 0)]
        assert before.size == 0 or abs(before[0] - oldest) <= 1
        assert inside[5, 15:].max() == 0  # nothing ahead of it
    assert (drawn[-1][80, :180] == 0).all()  # the path of the first has gone


def test_every_detection_carries_its_track(pair, video):
    options = dict(short_side=96, min_score=0.0)
    found = list(inference.detect(video, pair, **options, min_iou=0.4, max_missed=1))
    tracker = inference.Tracker(min_iou=0.4, max_missed=1)
    for frame in found:
        expected = tracker.update(frame.boxes, frame.classes)
        np.testing.assert_array_equal(frame.tracks, expected)
        assert len(set(frame.tracks)) == len(frame.boxes) > 0
    again = list(inference.detect(video, pair, **options))  # numbers begin anew
    assert again[0].tracks.tolist() == list(range(1, len(again[0].boxes) + 1))
    with pytest.raises(ValueError, match="`min_iou` to be above 0"):
        list(inference.detect(video, pair, min_iou=0))


def test_command_writes_an_annotated_video(pair, video, tmp_path, capsys):
    pair.save(tmp_path / "detector.keras")
    arguments = ["detect", str(video), "--model", str(tmp_path), "--size", "96", "128"]
    arguments += ["--min-score", "0.0", "--output", str(tmp_path / "out.mp4")]
    with pytest.raises(SystemExit, match="names of the classes in .*labels.txt"):
        cli.main(arguments)
    (tmp_path / "labels.txt").write_text("\n".join(NAMES))
    cli.main(arguments)
    assert "out.mp4: 8 frames" in capsys.readouterr().out
    before = [frame for _, frame in data.iterate_frames(video)]
    after = [frame for _, frame in data.iterate_frames(tmp_path / "out.mp4")]
    assert len(after) == 8 and after[0].shape == before[0].shape
    assert np.abs(after[5].astype(int) - before[5]).max() > 60
