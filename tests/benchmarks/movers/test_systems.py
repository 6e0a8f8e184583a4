"""What finds movers without a network, on a square whose place is known."""

import numpy as np
import pytest

from benchmarks.movers import __main__ as movers
from benchmarks.movers.systems import SYSTEMS
from offkeras.metrics.detection import Detections, box_iou

LAST = np.array([[115, 60, 155, 100]])  # where the square is in the last frame


def film(camera):
    """A textured square goes over a textured ground."""
    import cv2

    rng = np.random.default_rng(0)
    ground = cv2.GaussianBlur(rng.uniform(0, 255, (200, 300, 3)), (0, 0), 2)
    thing = cv2.GaussianBlur(rng.uniform(0, 255, (40, 40, 3)), (0, 0), 1.5)
    ground, thing = (
        cv2.normalize(x, None, 20, 235, cv2.NORM_MINMAX) for x in (ground, thing)
    )
    for number in range(20):
        shift = camera * number
        frame = ground[20:164, 40 + shift : 232 + shift].copy()
        x = 20 + 5 * number
        frame[60:100, x : x + 40] = thing
        yield frame.astype(np.uint8)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_moving_square_is_found(name):
    system = SYSTEMS[name]()
    for frame in film(camera=0):
        found = system(frame)
    best = found.boxes[found.scores.argmax()]
    assert box_iou(best[None], LAST)[0, 0] > 0.3


def test_flow_alone_bears_a_camera_that_moves():
    best = {}
    for name, make in SYSTEMS.items():
        system = make()
        for frame in film(camera=-2):
            found = system(frame)
        overlaps = box_iou(found.boxes, LAST)
        order = found.scores.argsort()[::-1]
        best[name] = overlaps[order[0], 0] if len(order) else 0
    assert best["DIS flow clusters"] > 0.3
    assert best["MOG2"] < 0.3 and best["frame difference"] < 0.3


def test_figures():
    """Two objects, one found, one box in a wrong place: half of the recall."""
    truths = [
        movers.Truth(np.float32([[0, 0, 20, 40]]), np.zeros(1, int)),
        movers.Truth(np.float32([[50, 50, 110, 180]]), np.zeros(1, int)),
    ]
    empty = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
    wrong = np.float32([[0, 0, 20, 40], [60, 60, 70, 70]])
    found = [Detections(wrong, np.array([0.9, 0.6]), np.zeros(2, int)), empty]
    row = movers.figures(found, truths, sure=0.5)
    assert row["recall_under_50"] == "100.0" and row["recall_over_120"] == "0.0"
    assert row["ap_30"] == row["ap_50"] == "50.0"
    assert row["boxes_per_frame"] == row["movers_per_frame"] == "1.0"
