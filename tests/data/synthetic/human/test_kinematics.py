"""The joints are where pybullet has them, and motions go on as they should."""

import numpy as np
import pytest

from offkeras.data.synthetic.human.kinematics import (
    JOINTS,
    OFFSETS,
    forward,
    rotation_matrices,
)
from offkeras.data.synthetic.human.motions import load_motions, multiply, slerp
from tests.support.bullet import joints as bullet

ORDER = [JOINTS.index(name) for name in ("root", *bullet.LINKS)]
MILLIMETRE = 1e-3
STORED = np.load(bullet.STORED, allow_pickle=False)


def our_joints(name, every=1):
    """At the times of the poses."""
    motion = load_motions()[name]
    positions, _ = forward(*motion.at(motion.times[::every]))
    return positions[:, ORDER]


@pytest.mark.parametrize("name", ["cartwheel", "getup_faceup"])
def test_joints_are_those_that_pybullet_gave(name):
    ours, theirs = our_joints(name, every=40), STORED[name]
    # A motion that loops is back at its first pose when its last one comes.
    assert len(theirs) >= 5 and np.ptp(theirs, axis=0).max() > 1
    assert np.abs(ours - theirs).max() < MILLIMETRE


@pytest.mark.parametrize("name", load_motions())
def test_joints_are_those_of_pybullet(name):
    pytest.importorskip(
        "pybullet", reason="pybullet 3.2.7, a simulator of 100 MB, is not installed"
    )
    ours, theirs = our_joints(name), bullet.joints(name)
    # The last pose of a loop is the first of the next round.
    end = -1 if load_motions()[name].loops else None
    assert np.abs(ours[:end] - theirs[:end]).max() < MILLIMETRE


def test_limbs_keep_their_lengths():
    """Whatever the time, also between poses and after the end."""
    offsets = OFFSETS * 1.1
    for motion in load_motions().values():
        times = np.linspace(-1, 2 * motion.duration + 1, 23)
        positions, frames = forward(*motion.at(times), offsets)
        for joint, parent in (("left_wrist", "left_elbow"), ("neck", "chest")):
            a, b = (positions[:, JOINTS.index(name)] for name in (joint, parent))
            length = np.linalg.norm(offsets[JOINTS.index(joint)])
            np.testing.assert_allclose(np.linalg.norm(a - b, axis=1), length, atol=1e-9)
        turned = frames @ np.swapaxes(frames, -1, -2)
        np.testing.assert_allclose(turned - np.eye(3), 0, atol=1e-9)


def test_loops_go_on_where_they_ended():
    for name, motion in load_motions().items():
        if not motion.loops:
            continue
        seam = motion.duration * np.array([-2.0, -1.0, 1.0, 2.0])
        close = 1e-6
        before, _ = forward(*motion.at(seam - close))
        after, _ = forward(*motion.at(seam + close))
        # The performances themselves close up to some centimetres.
        assert np.abs(before - after)[:, 0, [0, 2]].max() < 0.02, name


def test_walking_gets_away():
    motion = load_motions()["walk"]
    root, _ = motion.at(np.array([0.0, 1.0, 2.0, 3.0]) * motion.duration)
    steps = np.linalg.norm(np.diff(root[:, [0, 2]], axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0], atol=1e-3)
    assert root[3, 0] > 3.6


def test_turns_turn_on():
    """Three rounds of a turn to the left: the heading goes on, and so does the path."""
    motion = load_motions()["turn_left0"]
    root, rotations = motion.at(np.arange(4) * motion.duration)
    heading = rotation_matrices(rotations[:, 0])[:, :, 0]  # where the person faces
    angles = np.unwrap(np.arctan2(-heading[:, 2], heading[:, 0]))
    np.testing.assert_allclose(np.diff(angles), angles[1] - angles[0], atol=0.05)
    steps = np.diff(root[:, [0, 2]], axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    np.testing.assert_allclose(lengths, lengths[0], atol=1e-3)
    paths = np.unwrap(np.arctan2(-steps[:, 1], steps[:, 0]))
    np.testing.assert_allclose(np.diff(paths), angles[1] - angles[0], atol=0.05)


def test_rest_before_and_after_what_does_not_loop():
    motion = load_motions()["getup_faceup"]
    poses, _ = motion.at([-3.0, 0.0, motion.duration, motion.duration + 3])
    np.testing.assert_array_equal(poses[0], poses[1])
    np.testing.assert_array_equal(poses[2], poses[3])


def test_slerp_keeps_its_speed():
    """A turn by 120 degrees about one axis, also where the signs disagree."""
    half = np.radians(60)
    first = np.array([1.0, 0.0, 0.0, 0.0])
    second = np.array([np.cos(half), 0.0, np.sin(half), 0.0])
    for other in (second, -second):
        for part in (0.0, 0.25, 0.5, 1.0):
            expected = [np.cos(part * half), 0, np.sin(part * half), 0]
            np.testing.assert_allclose(slerp(first, other, part), expected, atol=1e-12)


def test_multiply_turns_one_after_the_other():
    rng = np.random.default_rng(0)
    a, b = (q / np.linalg.norm(q) for q in rng.normal(size=(2, 4)))
    np.testing.assert_allclose(
        rotation_matrices(multiply(a, b)),
        rotation_matrices(a) @ rotation_matrices(b),
        atol=1e-12,
    )
