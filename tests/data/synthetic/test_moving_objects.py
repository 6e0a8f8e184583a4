import json

import cv2
import numpy as np
import pytest

from offkeras import metrics
from offkeras.data import load_imagenet_vid, read_classes
from offkeras.data.synthetic import moving_objects
from offkeras.data.synthetic.moving_objects import (
    MOVING_OBJECTS,
    MovingObject,
    draw_object,
    load_footage,
    render_snippet,
)
from offkeras.data.synthetic.snippet_files import write_snippets
from offkeras.storage.writing import temporary_name


@pytest.fixture(scope="module")
def footage():
    return load_footage("test")


def draw(footage, seed):
    return draw_object(footage, np.random.default_rng(seed))


def test_footage(footage):
    assert len(footage) == 55
    assert {frame.shape for frame in footage} == {(160, 376, 3)}
    shown = {
        split: {(n, t) for n, a, b in sources for t in range(a, b)}
        for split, sources in moving_objects.SOURCES.items()
    }
    assert not shown["train"] & (shown["validation"] | shown["test"])
    assert not shown["validation"] & shown["test"]


def test_objects_stay_inside_and_bounce(footage):
    times = np.linspace(-0.4, 40, 500)
    for seed in range(30):
        item = draw(footage, seed)
        assert 20 <= item.size <= 38
        assert 1.5 <= item.speed <= 6
        centres = np.stack([item.centre(time) for time in times])
        near = item.size / 2 - 1e-9
        assert (centres >= near).all()
        assert (centres <= np.array([128, 96]) - near).all()
        # Between the borders it keeps its speed.
        speeds = np.linalg.norm(np.diff(centres, axis=0), axis=1) / np.diff(times)
        assert np.median(speeds) == pytest.approx(item.speed)
        assert speeds.max() <= item.speed + 1e-9
        np.testing.assert_allclose(item.centre(0), item.start)


@pytest.mark.parametrize(
    "name, share", [("disc", np.pi / 4), ("square", 1), ("triangle", 0.5)]
)
def test_outlines_fill_their_box(name, share):
    opacity = moving_objects._outline(name, 30.0, feather=0.01)
    rows, columns = np.nonzero(opacity > 0.5)
    assert np.ptp(rows) + 1 == pytest.approx(30, abs=1)
    assert np.ptp(columns) + 1 == pytest.approx(30, abs=1)
    assert opacity.sum() == pytest.approx(share * 900, rel=0.03)
    side = len(opacity)
    middle = (rows.min() + rows.max()) / 2
    assert middle == pytest.approx((side - 1) / 2, abs=0.5)
    soft = moving_objects._outline(name, 30.0, feather=4.0)
    assert np.count_nonzero((soft > 0) & (soft < 1)) > 150
    assert soft.sum() == pytest.approx(opacity.sum(), rel=0.05)


def test_boxes_fit_what_is_seen():
    """A white square on black, without noise: the box is where it is white."""
    opacity = moving_objects._outline("square", 24.0, feather=1.5)
    item = MovingObject(
        name="square",
        size=24.0,
        sprite=np.dstack([255 * opacity] * 3 + [opacity]).astype(np.float32),
        start=np.array([40.3, 50.8]),
        velocity=np.array([5.0, -3.0]),
    )
    black = np.zeros((160, 300, 3), np.uint8)
    for time in range(8):
        view = moving_objects._expose(black, np.array([100.0, 80.0]), [item], time)
        rows, columns = np.nonzero(view[..., 0] > 127)
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert np.abs(item.box(time) - seen).max() <= 1


def test_the_background_pans(footage):
    still = footage[0]
    rng = np.random.default_rng(0)
    for _ in range(50):
        start, velocity = moving_objects._draw_pan(rng, still.shape[:2], 12)
        assert np.hypot(*velocity) == pytest.approx(0.6)
        for time in (-0.4, 11.4):
            centre = start + velocity * time
            assert (centre >= [64, 48]).all()
            assert (centre <= [376 - 64, 160 - 48]).all()
    view = moving_objects._expose(still, np.array([100.0, 70.0]), [], 0)
    np.testing.assert_array_equal(view, still[22:118, 36:164])


def test_one_frame_is_blurred_by_motion_and_noisy(footage):
    frames, annotations, speeds = render_snippet(
        footage, np.random.default_rng(3), num_frames=6
    )
    assert frames.shape == (6, 96, 128, 3) and frames.dtype == np.uint8
    assert len(annotations) == 6
    assert {len(truth.names) for truth in annotations} == {len(speeds)}
    # Noise: what a small median filter takes away has its standard deviation.
    rest = np.concatenate(
        [np.float64(f) - cv2.medianBlur(f, 3) for f in frames], axis=None
    )
    spread = 1.4826 * np.median(np.abs(rest))
    assert 4 < spread < 8


def test_files_are_read_as_imagenet_vid(tmp_path):
    splits = {"train": (3, 6), "test": (2, 12)}
    finished = []
    write_snippets(
        MOVING_OBJECTS, tmp_path, splits=splits, workers=2, done=finished.append
    )
    assert finished == [1, 2, 3, 4, 5]
    classes = read_classes(tmp_path / "classes.txt")
    assert list(classes) == ["disc", "square", "triangle"]
    train = load_imagenet_vid(tmp_path, ["VID_train_15frames"], classes=classes)
    assert len(train) == 18
    test = load_imagenet_vid(tmp_path, ["VID_test_videos"], classes=classes)
    same = load_imagenet_vid(tmp_path, ["VID_test_frames"], classes=classes)
    assert len(test) == len(same) == 24
    for one, other in zip(test.frames, same.frames, strict=True):
        assert one.position == other.position
        np.testing.assert_array_equal(one.boxes, other.boxes)

    # Pixels and boxes are those that were rendered.
    rng = np.random.Generator(np.random.Philox(key=np.uint64([0, (1 << 32) + 1])))
    frames, annotations, speeds = render_snippet(
        load_footage("test"), rng, num_frames=12
    )
    snippet = test.frames[12:]
    for frame, image, truth in zip(snippet, frames, annotations, strict=True):
        path = frame.video.images[frame.position]
        written = np.float64(cv2.imread(path)[..., ::-1])
        assert np.abs(written - image).mean() < 5  # JPEG
        np.testing.assert_array_equal(frame.boxes, truth.boxes)
        names = [test.class_names[label] for label in frame.classes]
        assert names == list(truth.names)
    # The speed in the files is that of the tracks, but where an object bounces.
    measured = np.median(np.stack(metrics.track_speed(snippet)), axis=0)
    np.testing.assert_allclose(measured, speeds, atol=0.8)
    text = (tmp_path / "Annotations/VID/test/test_00001/000000.xml").read_text()
    assert f"<speed>{speeds[0]:.3f}</speed>" in text


def test_a_killed_run_goes_on_and_gives_the_same(tmp_path):
    def contents(root):
        return {
            path.relative_to(root): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file()
        }

    splits = {"test": (3, 2)}
    write_snippets(MOVING_OBJECTS, tmp_path / "a", splits=splits, seed=7, workers=1)
    write_snippets(MOVING_OBJECTS, tmp_path / "b", splits=splits, seed=7, workers=3)
    expected = contents(tmp_path / "a")
    assert contents(tmp_path / "b") == expected
    # A snippet that was not begun, one that was not finished, no lists.
    videos = tmp_path / "b/Data/VID/test"
    half = videos / temporary_name("test_00001")
    half.mkdir()
    (videos / "test_00001").rename(half / "test_00001")
    (half / "test_00001/000001.JPEG").write_bytes(b"half")
    for path in (videos / "test_00002").iterdir():
        path.unlink()
    (videos / "test_00002").rmdir()
    (tmp_path / "b/ImageSets/VID_test_videos.txt").unlink()
    kept = (videos / "test_00000/000000.JPEG").stat().st_mtime_ns
    write_snippets(MOVING_OBJECTS, tmp_path / "b", splits=splits, seed=7)
    assert contents(tmp_path / "b") == expected
    assert (videos / "test_00000/000000.JPEG").stat().st_mtime_ns == kept

    with pytest.raises(ValueError, match="moving_objects.json to say .*'seed': 8"):
        write_snippets(MOVING_OBJECTS, tmp_path / "b", splits=splits, seed=8)
    settings = json.loads((tmp_path / "b/moving_objects.json").read_text())
    assert settings == {"seed": 7, "splits": {"test": [3, 2]}}
    write_snippets(MOVING_OBJECTS, tmp_path / "c", splits=splits, seed=8)
    assert contents(tmp_path / "c").keys() == expected.keys()
    assert contents(tmp_path / "c") != expected
