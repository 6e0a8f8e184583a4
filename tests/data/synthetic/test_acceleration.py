"""The two classes of a pair hold the same segments in opposite order."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from offkeras.data.synthetic import acceleration
from offkeras.data.synthetic.acceleration import CLASS_NAMES, Acceleration
from tests.support import streams


def collect(dataset):
    frames, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(frames), np.concatenate(labels)


def velocities(clips, *, num_segments=4, size=96):
    """Velocities `(4, clips, T, 2)` of all classes, drawn with the same keys."""
    return np.stack(
        [
            [
                acceleration._draw_velocities(
                    tf.constant([3, clip]), label, num_segments, size
                )
                for clip in range(clips)
            ]
            for label in range(4)
        ]
    )


@pytest.mark.parametrize("num_segments", [2, 4, 7, 25])
def test_pairs_are_time_reversals(num_segments):
    speeding, slowing, there, back = velocities(20, num_segments=num_segments)
    np.testing.assert_array_equal(speeding, slowing[:, ::-1])
    np.testing.assert_array_equal(there, back[:, ::-1])


def test_classes_are_what_they_are_called():
    speeding, slowing, there, back = velocities(50)
    speed = np.linalg.norm(speeding, axis=-1)
    assert (np.diff(speed) > 0).all() and (np.diff(speed[:, ::-1]) < 0).all()
    assert (np.sign(speeding[..., 0]) == np.sign(speeding[:, :1, 0])).all()
    assert {-1.0, 1.0} == set(np.sign(speeding[:, 0, 0]))  # either direction
    assert (there[:, :2, 0] < 0).all() and (there[:, 2:, 0] > 0).all()
    assert (back[:, :2, 0] > 0).all() and (back[:, 2:, 0] < 0).all()
    low, high = 0.02 * 96, 0.04 * 96
    for clips in (speeding, slowing, there, back):
        mean = np.linalg.norm(clips, axis=-1).mean(1)
        assert (mean >= low - 1e-4).all() and (mean <= high + 1e-4).all()
        assert np.abs(clips[..., 1] / clips[..., 0]).max() <= np.tan(np.radians(20.1))


@pytest.mark.parametrize("num_segments", [2, 4, 5])
@pytest.mark.parametrize("modality", ["flow", "rgb_diff"])
def test_a_pair_is_one_multiset_of_segments(modality, num_segments):
    """Clips 2n and 2n + 1: the segments of one, in reverse, are the other's.

    Whatever is a mean over single segments is the same for both, so it is right
    for one of them at most.
    """
    data = Acceleration.open(clips_per_epoch=16, evaluation_clips=16)
    options = dict(modality=modality, num_segments=num_segments, size=32)
    for dataset in (
        streams.train(data, batch_size=8, **options),
        data.evaluate(batch_size=8, **options),
    ):
        clips, labels = collect(dataset)
        np.testing.assert_array_equal(labels, np.tile([0, 1, 2, 3], 4))
        np.testing.assert_array_equal(clips[::2], clips[1::2, ::-1])
        assert (clips[::2] != clips[1::2]).any(axis=(1, 2, 3, 4)).all()
        # Pairs differ among themselves, as far as quantised flow can.
        assert len({clip.tobytes() for clip in clips}) > 8


def test_flow_is_quantised_like_that_of_videos():
    frames, labels = collect(
        Acceleration.open(evaluation_clips=8).evaluate(batch_size=4, size=96)
    )
    assert frames.shape == (8, 4, 96, 96, 10) and frames.dtype == np.uint8
    assert (frames == frames[:, :, :1, :1]).all()  # the whole scene moves as one
    assert (frames[..., ::2] == frames[..., :1]).all()  # five fields, x and y in turn
    assert (frames[..., 1::2] == frames[..., 1:2]).all()
    u = frames[:, :, 0, 0, 0] * 40.0 / 255 - 20
    for clip, label in zip(u, labels, strict=True):
        name = CLASS_NAMES[label]
        if name == "left_then_right":
            assert (clip[:2] < 0).all() and (clip[2:] > 0).all()
        if name == "speeding_up":
            assert (np.diff(np.abs(clip)) > 0).all()


def test_quantisation():
    flow = acceleration._flow(tf.constant([[-20.0, 20.0], [0.0, 0.1], [-30, 3]]), 2)
    expected = [[0, 255], [128, round(255 * 20.1 / 40)], [0, round(255 * 23 / 40)]]
    assert flow.shape == (3, 2, 2, 10)
    np.testing.assert_array_equal(flow[:, 1, 0, :2], expected)


def test_differences_show_the_motion_of_the_flow():
    """The same clips in both modalities: pixels follow the stated velocity."""
    data = Acceleration.open(evaluation_clips=16)
    flow, labels = collect(data.evaluate(batch_size=8, size=96))
    diff, same = collect(data.evaluate(batch_size=8, size=96, modality="rgb_diff"))
    assert diff.shape == (16, 4, 96, 96, 15) and diff.dtype == np.float16
    np.testing.assert_array_equal(labels, same)
    velocity = flow[:, :, 0, 0, :2] * 40.0 / 255 - 20
    errors = []
    for clip, stated in zip(diff.astype("float32"), velocity, strict=True):
        for segment, v in zip(clip, stated, strict=True):
            # The difference pattern itself moves with the scene.
            first, last = segment[..., :3].mean(-1), segment[..., 12:].mean(-1)
            window = cv2.createHanningWindow((96, 96), cv2.CV_32F)
            shift, _ = cv2.phaseCorrelate(first, last, window)
            errors.append(np.abs(np.array(shift) / 4 - v).max())
    assert np.median(errors) < 0.25  # pixels per frame
    assert np.mean(np.array(errors) < 0.5) > 0.8


@pytest.mark.parametrize("num_segments", [2, 5, 25])
@pytest.mark.parametrize("size", [16, 97])
def test_no_window_leaves_the_frame(num_segments, size):
    height = round(size * 5 / 3)
    width = 1.15 * height  # the narrowest source
    end = (size - 1) / 2
    for clip in range(40):
        moves = acceleration._draw_velocities(
            tf.constant([1, clip]), clip % 4, num_segments, size
        )
        poses = acceleration._draw_poses(tf.constant([2, clip]), moves, width, size)
        assert poses.shape == (num_segments * 6, 4)
        x, y, scale, angle = poses.numpy().T
        assert (angle == 0).all()
        assert (x - scale * end).min() >= 0 and (y - scale * end).min() >= 0
        assert (x + scale * end).max() <= width - 1
        assert (y + scale * end).max() <= height - 1
        middles = np.stack([x, y], -1).reshape(num_segments, 6, 2).mean(1)
        assert np.ptp(middles, axis=0).max() < 1e-3  # the same place every time


def test_a_part_of_every_batch():
    data = Acceleration.open(clips_per_epoch=12)
    options = dict(batch_size=5, size=32)
    frames, labels = collect(streams.train(data, **options))
    part = collect(streams.train(data, **options, worker_slice=(3, 5)))
    np.testing.assert_array_equal(part[0], frames[[3, 4, 8, 9]])
    np.testing.assert_array_equal(part[1], labels[[3, 4, 8, 9]])


@pytest.mark.parametrize("modality", ["flow", "rgb_diff"])
def test_the_same_bits_after_a_resume(modality):
    data = Acceleration.open(clips_per_epoch=12)
    options = dict(batch_size=5, size=32, seed=4, epochs=3, modality=modality)
    train = streams.train(data, **options)
    assert len(train) == 3 * data.steps_per_epoch(5) == 6
    frames, labels = collect(train)
    for epoch in (1, 2):
        tail = collect(streams.train(data, **options, initial_epoch=epoch))
        np.testing.assert_array_equal(tail[0], frames[10 * epoch :])
        np.testing.assert_array_equal(tail[1], labels[10 * epoch :])
    other = collect(streams.train(data, **{**options, "seed": 5}))[0]
    assert (other != frames).any()
    first, second = (
        collect(
            Acceleration.open(evaluation_clips=8).evaluate(
                subset="validation", batch_size=8, size=32, modality=modality
            )
        )
        for _ in range(2)
    )
    np.testing.assert_array_equal(first[0], second[0])
    assert (np.bincount(first[1]) == 2).all()


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: Acceleration.open(clips_per_epoch=10),
            "clips_per_epoch to be",
        ),
        (
            lambda: Acceleration.open(evaluation_clips=0),
            "evaluation_clips to be",
        ),
        (
            lambda: streams.train(Acceleration.open(clips_per_epoch=8), batch_size=9),
            "Expected batch_size in 1..8",
        ),
        (
            lambda: Acceleration.open().evaluate(batch_size=8, modality="rgb"),
            "'flow', 'rgb_diff'",
        ),
        (
            lambda: Acceleration.open().evaluate(batch_size=8, num_segments=1),
            "num_segments of at least 2",
        ),
        (lambda: Acceleration.open().evaluate(batch_size=8, size=8), "at least 16"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
