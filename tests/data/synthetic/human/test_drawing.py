"""Limbs are where geometry has them, the nearest is seen, edges are smooth."""

import math

import cv2
import numpy as np
import pytest

from offkeras.data.synthetic.human import camera
from offkeras.data.synthetic.human.camera import Path, View
from offkeras.data.synthetic.human.drawing import Flat, Light, draw

LIGHT = Light((0.0, 0.0, 1.0), ambient=1.0, diffuse=0.0)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def flat(*limbs):
    """Limbs `(start, end, radii, colour)`, start and end x, y, depth; one frame."""
    starts, ends, radii, colours = (np.array(part) for part in zip(*limbs, strict=True))
    return Flat(
        start=starts[None].astype(float),
        end=ends[None].astype(float),
        start_radius=radii[None, :, 0].astype(float),
        end_radius=radii[None, :, 1].astype(float),
        scale=np.full((1, len(limbs)), 10.0),
        cut=np.zeros(len(limbs), bool),
        heights=np.zeros((len(limbs), 2)),
        colours=colours.astype(np.uint8),
        stripes=colours.astype(np.uint8),
    )


def drawn(*limbs, size=64, light=LIGHT):
    picture = np.zeros((size, size, 3), np.uint8)
    draw(picture, flat(*limbs), 0, light)
    return picture


def tapered(x0, y0, r0, x1, y1, r1, size=64, fine=8):
    """How much of each pixel lies in a circle that moves and grows, by points."""
    y, x = (np.mgrid[: size * fine, : size * fine] + 0.5) / fine
    inside = np.zeros(x.shape, bool)
    for part in np.linspace(0, 1, 200):
        cx, cy, r = (a + part * (b - a) for a, b in ((x0, x1), (y0, y1), (r0, r1)))
        inside |= (x - cx) ** 2 + (y - cy) ** 2 < r * r
    return inside.reshape(size, fine, size, fine).mean(axis=(1, 3))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((30.3, 31.7, 9.0), (30.3, 31.7, 9.0)),  # a ball
        ((14.0, 20.0, 6.0), (45.0, 38.5, 6.0)),
        ((14.0, 20.0, 7.0), (45.0, 38.5, 4.0)),
        ((-6.0, 20.0, 9.0), (70.0, 60.0, 9.0)),  # over the edges
    ],
)
def test_a_limb_covers_what_a_moving_ball_does(first, second):
    (x0, y0, r0), (x1, y1, r1) = first, second
    picture = drawn(((x0, y0, 5), (x1, y1, 5), (r0, r1), BLUE))
    assert not picture[..., :2].any()
    expected = tapered(*first, *second)
    # Blue is brightest in the middle: what is covered at all is never black.
    covered = picture[..., 2] > 0
    assert covered[expected > 0.6].all() and not covered[expected == 0].any()
    assert abs(covered.sum() - (expected > 0).sum()) < 0.1 * covered.sum() + 4
    whole = picture[..., 2][expected == 1]
    half = picture[..., 2][(expected > 0.2) & (expected < 0.8)]
    assert half.mean() < 0.75 * whole.mean()  # smooth edges


def test_the_nearest_is_seen():
    near = ((20, 32, 4), (44, 32, 4), (6, 6), RED)
    far = ((32, 20, 6), (32, 44, 6), (6, 6), GREEN)
    for limbs in ((near, far), (far, near)):
        picture = drawn(*limbs)
        assert picture[32, 32, 0] > 200 and picture[32, 32, 1] == 0
        assert picture[20, 32, 1] > 200
    # One that leans over: its near end is in front, its far end behind.
    leaning = ((20, 32, 2), (44, 32, 8), (6, 6), RED)
    picture = drawn(leaning, ((24, 20, 5), (24, 44, 5), (4, 4), GREEN))
    assert picture[32, 24, 0] > 200
    picture = drawn(leaning, ((40, 20, 5), (40, 44, 5), (4, 4), GREEN))
    assert picture[32, 40, 1] > 200


def test_light_comes_from_its_side():
    for axis, direction in ((1, (-0.8, 0.0, 0.6)), (0, (0.0, -0.8, 0.6))):
        light = Light(direction, ambient=0.6, diffuse=0.4)
        ball = drawn(((32, 32, 5), (32, 32, 5), (14, 14), (200, 200, 200)), light=light)
        profile = ball.max(axis=1 - axis)[:, 0].astype(int)
        first, second = profile[20:32].mean(), profile[32:44].mean()
        assert first > second + 15


def test_stripes_and_cuts():
    limb = flat(((32, 10, 5), (32, 54, 5), (8, 8), RED))
    arrays = dict(vars(limb))
    striped = Flat(
        **{
            **arrays,
            "heights": np.array([[0.0, 0.4]]),
            "stripes": np.array([GREEN], np.uint8),
            "cut": np.array([True]),
        }
    )
    picture = np.zeros((64, 64, 3), np.uint8)
    draw(picture, striped, 0, LIGHT)
    line = picture[10:54, 32]
    changes = np.count_nonzero(np.diff((line[:, 0] > line[:, 1]).astype(int)))
    assert changes == 5  # 0.4 m at 13 a metre
    assert not picture[56:].any() and picture[4].any()


def test_nothing_out_of_sight_is_drawn():
    assert not drawn(((-50, -50, 5), (-30, -90, 5), (6, 6), RED)).any()


def test_the_camera_is_that_of_opencv():
    """Projected by `cv2.projectPoints` with the same axes, then turned in the plane."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (1, 20, 3))
    size, target = 100, np.array([[0.3, 0.8, -0.1]])
    view = View(yaw=0.7, pitch=0.4, distance=4.0, focus=210.0)
    rest = Path(np.zeros((1, 2)), np.ones(1), np.zeros(1))
    found, scale = camera.project(view, rest, size, target, points)

    axes = view.axes()
    np.testing.assert_allclose(np.linalg.det(axes), 1)
    matrix = np.array([[210.0, 0, 50], [0, 210, 50], [0, 0, 1]])
    translation = [0, 0, 4.0] - axes @ target[0]
    turn, _ = cv2.Rodrigues(axes)
    expected, _ = cv2.projectPoints(points[0], turn, translation, matrix, None)
    np.testing.assert_allclose(found[0, :, :2], expected[:, 0], atol=1e-6)
    np.testing.assert_allclose(scale[0], 210 / found[0, :, 2])

    path = Path(np.array([[7.0, -3.0]]), np.array([1.2]), np.array([0.3]))
    moved, _ = camera.project(view, path, size, target, points)
    turned = cv2.getRotationMatrix2D((50, 50), -math.degrees(0.3), 1.2)
    turned[:, 2] += [7, -3]
    expected = cv2.transform(found[:, :, :2], turned)
    np.testing.assert_allclose(moved[..., :2], expected, atol=1e-6)


def test_who_faces_the_camera_is_seen_from_the_front():
    """Yaw 0: what is forward is nearer, the person's right is on our left."""
    view = View(yaw=0.0, pitch=0.0, distance=4.0, focus=200.0)
    rest = Path(np.zeros((1, 2)), np.ones(1), np.zeros(1))
    points = np.array([[[0.3, 0, 0], [0, 0.5, 0], [0, 0, 0.4]]])
    forward, up, right = camera.project(view, rest, 100, np.zeros((1, 3)), points)[0][0]
    assert forward[2] == pytest.approx(3.7)
    assert up[1] < 50 and right[0] < 50
