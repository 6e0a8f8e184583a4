"""Tracks of known motion, and against the rule written out pair by pair."""

import tracemalloc

import numpy as np
import pytest

from offkeras import inference
from offkeras.data.synthetic import moving_objects


def box(x, y, size=20):
    return [x, y, x + size, y + size]


def run(frames, **options):
    """Tracks of frames, each a list of `(box, class)`."""
    tracker = inference.Tracker(**options)
    return [
        tracker.update([b for b, _ in frame], [label for _, label in frame]).tolist()
        for frame in frames
    ]


def test_two_that_cross_keep_their_tracks():
    """They cover each other in frame 10; only their classes tell them apart."""
    frames = [[(box(10 * i, 0), 0), (box(200 - 10 * i, 0), 1)] for i in range(21)]
    assert frames[10][0][0] == frames[10][1][0]
    assert run(frames) == [[1, 2]] * 21
    # In another order, too.
    mixed = [frame[:: 1 - 2 * (i % 2)] for i, frame in enumerate(frames)]
    assert run(mixed) == [[1, 2][:: 1 - 2 * (i % 2)] for i in range(21)]


@pytest.mark.parametrize("gap, track", [(0, 1), (1, 1), (3, 1), (4, 2)])
def test_an_object_that_is_missing(gap, track):
    there, nothing = [(box(0, 0), 2)], []
    frames = [there, *[nothing] * gap, there]
    assert run(frames, max_missed=3) == [[1], *[[]] * gap, [track]]


def test_a_track_is_never_taken_up_again():
    """Each gap counts anew, and a number is given once."""
    there, nothing = [(box(0, 0), 0)], []
    frames = [there, nothing, there, nothing, there, nothing, nothing, there]
    assert run(frames, max_missed=1) == [[1], [], [1], [], [1], [], [], [2]]


def test_the_larger_overlap_comes_first():
    """Two detections want one track: the nearer one has it, whatever its place."""
    frames = [[(box(0, 0), 0)], [(box(6, 0), 0), (box(2, 0), 0)]]
    assert run(frames) == [[1], [2, 1]]
    # 20 x 20 pixels, 10 of them apart: 200 of 600 are common.
    frames = [[(box(0, 0), 0)], [(box(10, 0), 0)]]
    assert run(frames, min_iou=0.333) == [[1], [1]]
    assert run(frames, min_iou=0.334) == [[1], [2]]


class PairByPair:
    """The same rule with lists, looking at every pair for each choice."""

    def __init__(self, min_iou, max_missed):
        self.min_iou, self.max_missed = min_iou, max_missed
        self.live, self.count = {}, 0

    def update(self, boxes, classes):
        tracks, pairs = [0] * len(boxes), True
        while pairs:
            pairs = [
                (self.overlap(boxes[i], last), -i, track)
                for i in range(len(boxes))
                for track, (last, label, _) in self.live.items()
                if not tracks[i] and label == classes[i] and track not in tracks
                and self.overlap(boxes[i], last) >= self.min_iou
            ]  # fmt: skip
            if pairs:
                _, i, track = max(pairs)
                tracks[-i] = track
        for i in range(len(boxes)):
            if not tracks[i]:
                self.count += 1
                tracks[i] = self.count
        missed = {t: (b, c, n + 1) for t, (b, c, n) in self.live.items()}
        seen = zip(tracks, boxes, classes, strict=True)
        missed |= {t: (b, c, 0) for t, b, c in seen}
        self.live = {t: v for t, v in missed.items() if v[2] <= self.max_missed}
        return tracks

    @staticmethod
    def overlap(a, b):
        width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
        height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
        both = width * height
        union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
        return both / union


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_rule_pair_by_pair(seed):
    rng = np.random.default_rng(seed)
    tracker = inference.Tracker(min_iou=0.2, max_missed=2)
    other = PairByPair(0.2, 2)
    longest = 0
    places = rng.uniform(0, 60, (8, 2))
    for _ in range(80):
        places = places + rng.uniform(-4, 4, places.shape)
        seen = rng.permutation(8)[: rng.integers(9)]
        boxes = np.float32(
            [[x, y, x + 15 + rng.uniform(0, 5), y + 15] for x, y in places[seen]]
        )
        got = tracker.update(boxes, seen % 2).tolist()
        assert got == other.update(boxes.astype(float).tolist(), (seen % 2).tolist())
        longest = max([longest, *got])
    assert 8 < longest < 300  # tracks go on, and others begin


def snippets(count, num_frames):
    """True boxes of moving objects: `(name, boxes of all frames)` of each object."""
    footage = moving_objects.load_footage("validation")[:2]
    rng = np.random.default_rng(0)
    for _ in range(count):
        objects = [
            moving_objects.draw_object(footage, rng)
            for _ in range(rng.integers(1, moving_objects.MOST_OBJECTS + 1))
        ]
        yield [
            (item.name, [item.box(t) for t in range(num_frames)]) for item in objects
        ]


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_true_boxes_of_moving_objects_give_the_true_tracks(missing):
    """Objects of 20-38 pixels at up to 6 pixels a frame, some boxes left out.

    A track holds one object, and breaks only where the object has moved too far
    while it was missing. Snippets of two objects of one class are passed over: what
    meets there cannot be told apart by boxes.
    """
    rng, classes = np.random.default_rng(1), list(moving_objects.CLASSES)
    checked = breaks = 0
    for objects in snippets(100, 40):
        if len({name for name, _ in objects}) < len(objects):
            continue
        tracker = inference.Tracker(min_iou=0.3, max_missed=5)
        tracks, last = [[] for _ in objects], [None] * len(objects)
        for time in range(40):
            seen = [i for i in range(len(objects)) if rng.uniform() >= missing]
            boxes = np.float32([objects[i][1][time] for i in seen])
            labels = [classes.index(objects[i][0]) for i in seen]
            for i, track in zip(seen, tracker.update(boxes, labels), strict=True):
                box, known = objects[i][1][time], last[i] is not None
                if known and PairByPair.overlap(last[i], box) >= 0.3:
                    assert track == tracks[i][-1]
                else:
                    assert track not in sum(tracks, [])
                    breaks += known
                tracks[i].append(track)
                last[i] = box
        checked += len(objects)
    assert checked > 100
    assert (breaks == 0) == (missing == 0)


def test_memory_does_not_grow():
    """New objects in every frame, for ever: only what has not ended is held."""
    tracker = inference.Tracker(max_missed=5)
    boxes = np.float32([box(100 * i, 0) for i in range(20)])
    peaks = []
    for count in (280, 280, 2800):
        tracemalloc.start()
        for number in range(count):
            tracks = tracker.update(boxes + 3000 * (number % 7), np.zeros(20, int))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert tracks[-1] == 20 * 3360  # each is a new one
    assert peaks[2] < peaks[1] + 10_000


@pytest.mark.parametrize(
    "options, message",
    [
        ({"min_iou": 0.0}, "`min_iou` to be above 0, at most 1. Received: 0.0"),
        ({"min_iou": 1.1}, "Received: 1.1"),
        ({"max_missed": -1}, "`max_missed` to be 0 or more. Received: -1"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        inference.Tracker(**options)
