"""Scenes: the camera knows nothing of the action, splits share nothing."""

import hashlib

import cv2
import numpy as np
import pytest

from offkeras.data import write_video
from offkeras.data.synthetic.human import backgrounds, finishing
from offkeras.data.synthetic.human.actions import (
    ACTIONS,
    BACKWARD,
    FORWARD,
    RISING,
    draw_performance,
)
from offkeras.data.synthetic.human.backgrounds import Footage
from offkeras.data.synthetic.human.camera import draw_view
from offkeras.data.synthetic.human.cast import draw_actor
from offkeras.data.synthetic.human.people import (
    BODIES,
    OUTFITS,
    draw_build,
    draw_outfit,
)
from offkeras.data.synthetic.human.scenes import draw_clip

TIMES = (np.arange(6) - 2.5) * 0.15
SPLITS = ("train", "validation", "test")


def footage(seed=0, height=60, width=90, count=5):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, height // 6, width // 6, 3), np.uint8)
    frames = [
        cv2.resize(c, (width, height), interpolation=cv2.INTER_AREA) for c in coarse
    ]
    return (Footage("noise", np.stack(frames), 25.0),)


def clip(seed, name="walk", split="train", size=48, times=TIMES):
    return draw_clip(
        [7, seed],
        ACTIONS[name],
        split=split,
        footage=footage(),
        times=times,
        size=size,
    )


def test_the_same_bits_wherever_they_are_drawn():
    """Of six clips, also with a second person and an object, on any machine."""
    digest = hashlib.sha256()
    for seed, name in enumerate(("walk", "kick", "roll", "stand", "dance", "spin")):
        digest.update(clip(seed, name).render().tobytes())
    assert digest.hexdigest()[:16] == "f02894bd8fc6d9bb"


def test_a_clip_is_a_function_of_its_seed():
    one, again, other = (clip(seed).render() for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert (one != other).mean() > 0.5
    # Frames do not depend on which were drawn before.
    np.testing.assert_array_equal(clip(3).frame(4), one[4])


def test_the_camera_knows_nothing_of_the_action():
    for seed in range(5):
        clips = [clip(seed, name) for name in ACTIONS]
        for other in clips[1:]:
            assert other.view == clips[0].view
            np.testing.assert_array_equal(other.matrices, clips[0].matrices)
            assert other.backdrop.centre == clips[0].backdrop.centre
    moves = np.array([clip(seed).path.shift[-1] for seed in range(60)])
    assert 0.1 < (np.abs(moves).max(1) < 1e-9).mean() < 0.5  # some rest
    assert np.abs(moves[:, 0]).max() > 0.05 * 48


@pytest.mark.parametrize("name", ["walk", "crawl", "roll", "get_up_from_back"])
def test_pairs_are_time_reversals(name):
    pair = {
        "walk": "walk_backward",
        "crawl": "crawl_backward",
        "roll": "roll_backward",
        "get_up_from_back": "lie_down_on_back",
    }[name]
    assert ACTIONS[name].time == FORWARD and ACTIONS[pair].time == BACKWARD
    for seed in range(3):
        actors = [
            draw_actor(
                np.random.default_rng(seed),
                np.random.default_rng(9),
                ACTIONS[each],
                "train",
                TIMES,
            )
            for each in (name, pair)
        ]
        first, second = (
            ends - ends.mean(axis=(0, 1)) for ends in (a.ends[0] for a in actors)
        )
        np.testing.assert_allclose(first, second[::-1], atol=1e-9)
        assert np.abs(first - second).max() > 0.05


def test_who_stands_hardly_moves():
    for seed in range(20):
        actor = draw_actor(
            *(np.random.default_rng([seed, n]) for n in (0, 1)),
            ACTIONS["stand"],
            "train",
            TIMES,
        )
        assert np.ptp(actor.ends[0], axis=0).max() < 0.3


def test_each_pose_is_as_likely_in_all_motions_of_the_joint_set():
    """Where in the performance single frames are, from 4,000 clips a motion."""
    seen = {}
    for name, action in RISING.items():
        rng = np.random.default_rng(0)
        part = []
        for _ in range(4000):
            motion, moments = draw_performance(rng, action, TIMES)
            part.append(moments / motion.duration)
        seen[name] = np.sort(np.ravel(part))
    for name in RISING:
        # The largest distance of the distributions, as Kolmogorov and Smirnov have it.
        places = np.linspace(0, 1, 200)
        first, second = (
            np.searchsorted(seen[key], places) / len(seen[key])
            for key in ("gets_up", name)
        )
        assert np.abs(first - second).max() < 0.02, name


def test_splits_share_no_body_no_clothes_no_view():
    for table, make in ((BODIES, draw_build), (OUTFITS, draw_outfit)):
        numbers = [set(range(*table[split])) for split in SPLITS]
        assert not (numbers[0] & numbers[1] or numbers[2] & (numbers[0] | numbers[1]))
        train = {make(number) for number in list(numbers[0])[:400]}
        test = {make(number) for number in list(numbers[2])[:100]}
        assert len(train) == 400 and not train & test
    angles = {
        split: np.degrees(
            [draw_view(np.random.default_rng(n), split, 48).yaw for n in range(300)]
        )
        for split in SPLITS
    }
    apart = np.abs((angles["train"][:, None] - angles["test"] + 180) % 360 - 180)
    assert apart.min() > 2.4
    assert len(set(np.round(angles["test"] / 45 - 0.5) % 8)) == 8  # all around


def test_splits_share_no_sample_footage():
    stretches = {
        split: {
            (name, frame) for name, first, end in rows for frame in range(first, end)
        }
        for split, rows in backgrounds.SAMPLES.items()
    }
    assert not stretches["train"] & stretches["validation"]
    names = {split: {name for name, _ in found} for split, found in stretches.items()}
    assert not names["test"] & (names["train"] | names["validation"])


def test_a_folder_is_split_by_files(tmp_path):
    for number in range(5):
        picture = np.full((40, 60, 3), 40 * number, np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    (tmp_path / "below").mkdir()
    frames = [np.full((30, 40, 3), 10 * n, np.uint8) for n in range(6)]
    write_video(tmp_path / "below" / "a.mp4", frames, fps=10)
    loaded = {
        split: backgrounds.load_folder(str(tmp_path), split, 20) for split in SPLITS
    }
    sources = [item.source for found in loaded.values() for item in found]
    assert len(sources) == len(set(sources)) == 6
    assert {len(found) for found in loaded.values()} == {4, 1}
    for found in loaded.values():
        assert {item.frames.shape[1] for item in found} == {20}
    assert {item.fps for item in sum(loaded.values(), ())} == {10, 25}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.png": b"", "b.png": b""}, "at least 3 photographs or videos in .*: 2"),
        ({f"{n}.png": b"no picture" for n in range(3)}, "is not a readable image"),
    ],
)
def test_bad_folders(tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        backgrounds.load_folder(str(tmp_path), "train", 20)


def test_a_folder_is_measured_before_it_is_decoded(tmp_path, monkeypatch):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((40, 60, 3), np.uint8))
    monkeypatch.setattr(backgrounds, "MAX_BYTES", 3 * 20 * 30 - 1)
    monkeypatch.setattr(backgrounds, "_read", None)
    with pytest.raises(ValueError, match="at most 1799 bytes. Received: 1800"):
        backgrounds.load_folder(str(tmp_path), "train", 20)


def test_a_backdrop_is_what_opencv_warps_it_to():
    (source,) = footage(count=1)
    for mirrored in (False, True):
        drop = backgrounds.Backdrop(source, 0, False, (44.0, 31.0), 1.1, mirrored)
        matrix = np.array([[1.05, -0.1, 2.0], [0.1, 1.05, -3.0]])
        found = drop.frame(0.0, matrix, 32).astype(int)
        # From the footage to the picture at rest, then as the camera has it; OpenCV
        # counts from the middle of the first pixel.
        flip = -1 if mirrored else 1
        rest = np.array(
            [[flip / 1.1, 0, 16 - flip * 44 / 1.1], [0, 1 / 1.1, 16 - 31 / 1.1]]
        )
        whole = matrix @ np.vstack([rest, [0, 0, 1]])
        whole[:, 2] += whole[:, :2] @ [0.5, 0.5] - 0.5
        expected = cv2.warpAffine(
            source.frames[0], whole, (32, 32), borderMode=cv2.BORDER_REFLECT_101
        )
        assert np.abs(found - expected).mean() < 1.5


def test_footage_plays_to_and_fro():
    frames = np.stack([np.full((20, 20, 3), 10 * n, np.uint8) for n in range(4)])
    drop = backgrounds.Backdrop(
        Footage("ramp", frames, 10.0), 2, True, (10.0, 10.0), 0.5, False
    )
    rest = np.array([[1.0, 0, 0], [0, 1, 0]])
    levels = [int(drop.frame(t / 10, rest, 16)[8, 8, 0]) for t in range(8)]
    assert levels == [20, 30, 20, 10, 0, 10, 20, 30]


def test_finishing():
    picture = np.full((64, 64, 3), (100, 120, 140), np.uint8)
    plain = dict(shadow=0.5, gain=1.0, offset=0.0, blur=0.0, noise=0.0, quality=None)
    none = finishing.Finish(**plain, seed=1)
    np.testing.assert_array_equal(none.apply(picture, 0), picture)
    brighter = finishing.Finish(**{**plain, "gain": 1.1, "offset": 5.0}, seed=1)
    assert brighter.apply(picture, 0)[0, 0].tolist() == [115, 137, 159]
    noisy = finishing.Finish(**{**plain, "noise": 6.0}, seed=1)
    grain = [noisy.apply(picture, n).astype(float) - picture for n in (0, 1)]
    assert abs(grain[0].std() - 6) < 0.3 and abs(grain[0].mean()) < 0.3
    assert abs(np.corrcoef(grain[0].ravel(), grain[1].ravel())[0, 1]) < 0.1
    packed = finishing.Finish(**{**plain, "quality": 50}, seed=1)
    assert np.abs(packed.apply(picture, 0).astype(int) - picture).max() < 6
