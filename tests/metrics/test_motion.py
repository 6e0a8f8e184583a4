import types

import numpy as np
import pytest

from offkeras.metrics import Detections, motion_iou, motion_map, track_speed


def frame(video, position, boxes, tracks, classes=None):
    boxes = np.reshape(np.float32(boxes), (-1, 4))
    return types.SimpleNamespace(
        video=types.SimpleNamespace(name=video),
        position=position,
        boxes=boxes,
        tracks=np.array(tracks, np.int64),
        classes=np.zeros(len(boxes), int) if classes is None else np.array(classes),
    )


def random_videos(seed=0):
    """Tracks that come and go, in videos longer and shorter than the window."""
    rng = np.random.default_rng(seed)
    frames = []
    for video, length in (("a", 40), ("b", 5), ("c", 1), ("d", 25)):
        starts, speeds = rng.uniform(0, 50, (3, 2)), rng.normal(0, 3, (3, 2))
        for t in range(length):
            shown = np.flatnonzero(rng.uniform(size=3) < 0.7)
            corner = (starts + speeds * t)[shown]
            frames.append(frame(video, t, np.hstack([corner, corner + 30]), shown))
    return [frames[i] for i in rng.permutation(len(frames))]


def iou(a, b):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    return width * height / (sum(areas) - width * height)


def test_motion_iou_of_random_tracks():
    frames = random_videos()
    for one, values in zip(frames, motion_iou(frames), strict=True):
        for box, track, value in zip(one.boxes, one.tracks, values, strict=True):
            others = [
                iou(box.tolist(), box2.tolist())
                for two in frames
                if two.video.name == one.video.name
                and 0 < abs(two.position - one.position) <= 10
                for box2, track2 in zip(two.boxes, two.tracks, strict=True)
                if track2 == track
            ]
            assert value == pytest.approx(np.mean(others) if others else 1.0)


def test_motion_iou_by_hand():
    # One pixel a frame, 20 pixels wide; the window is cut at both ends.
    frames = [frame("a", t, [t, 0, t + 20, 20], [4]) for t in range(3)]
    one, two = 19 / 21, 18 / 22
    expected = [(one + two) / 2, one, (one + two) / 2]
    np.testing.assert_allclose(np.concatenate(motion_iou(frames)), expected)


def test_nothing_around():
    single = frame("a", 0, [[0, 0, 9, 9]] * 2, [0, 1])
    other = frame("b", 1, [90, 0, 99, 9], [0])  # another video's track 0
    far = frame("a", 11, [50, 0, 59, 9], [0])  # outside the window
    untracked = frame("a", 1, [5, 0, 9, 9], [-1])
    empty = frame("a", 2, [], [])
    frames = [single, other, far, untracked, empty]
    assert [v.tolist() for v in motion_iou(frames)] == [[1, 1], [1], [1], [1], []]
    assert [v.tolist() for v in track_speed(frames)] == [[0, 0], [0], [0], [0], []]


def test_track_speed():
    boxes = {0: [0, 0, 10, 10], 1: [3, 4, 13, 14], 2: [3, 4, 13, 14], 9: [0, 0, 1, 1]}
    frames = [frame("a", t, box, [0]) for t, box in boxes.items()]
    speeds = np.concatenate(track_speed(frames))
    np.testing.assert_allclose(speeds, [5, 2.5, 0, 0])


def test_motion_map_tells_slow_from_fast():
    """A still object that is always found, a fast one that never is."""
    frames, found = [], []
    for t in range(8):
        still, fast = [0, 0, 40, 40], [60 + 30 * t, 0, 80 + 30 * t, 20]
        frames.append(frame("a", t, [still, fast], [0, 1]))
        found.append(Detections(np.float32([still]), np.ones(1), np.zeros(1, int)))
    results = motion_map(frames, found, num_classes=1)
    assert list(results) == ["slow", "medium", "fast"]
    assert results["slow"][0].average_precision == 1
    assert results["fast"][0].average_precision == 0
    assert [result[0].num_objects for result in results.values()] == [8, 0, 8]
    # An object at 0.9 is slow and medium: both ends are inside.
    ends = [frame("b", t, [2 * t, 0, 38 + 2 * t, 38], [0]) for t in range(2)]
    assert motion_iou(ends)[0][0] == 0.9
    nothing = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
    results = motion_map(ends, [nothing] * 2, num_classes=1, pixel_tolerance=None)
    assert [result[0].num_objects for result in results.values()] == [2, 2, 0]
