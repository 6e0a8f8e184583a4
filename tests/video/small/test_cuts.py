import itertools

import numpy as np
import pytest

from offkeras.data.restoration.compression import FFmpeg
from offkeras.data.sample_videos import sample_video
from offkeras.video import iterate_frames, read_frames, write_video
from offkeras.video.small import cuts
from offkeras.video.small.scaled import iterate_scaled


def find(frames):
    marked = list(cuts.mark_cuts(frames, lambda frame: frame))
    assert len(marked) == len(frames)
    return [number for number, (_, begins) in enumerate(marked) if begins]


def shot(seed, count, step=1, size=(72, 128)):
    """A camera that moves over a picture of its own: blocks of random colour."""
    height, width = size
    rng = np.random.default_rng(seed)
    blocks = rng.integers(40, 216, (height // 8, width, 3), np.uint8)
    picture = blocks.repeat(8, 0).repeat(8, 1)
    return np.stack([picture[:, step * i : step * i + width] for i in range(count)])


def test_the_cuts_of_real_videos_are_found():
    for name, expected in (
        ("bikes.mp4", [30, 76, 137, 187, 242]),
        ("carphone_pristine.mp4", []),
    ):
        frames = [frame for _, frame in iterate_scaled(sample_video(name), 128)]
        assert find(frames) == expected


def test_two_frames_tell_the_cuts_of_real_videos():
    """The cuts of bikes.mp4, and none in the other two videos."""
    ffmpeg = FFmpeg.find()

    def found(name):
        frames = ffmpeg.read(sample_video(name), size=(128, 224))
        pairs = itertools.pairwise([cuts.blocks(frame) for frame in frames])
        return [i for i, pair in enumerate(pairs, start=1) if cuts.is_cut(*pair)]

    assert found("bikes.mp4") == [30, 76, 137, 187, 242]
    assert found("bigbuckbunny.mp4") == found("carphone_pristine.mp4") == []


def test_blocks_are_means():
    frame = np.random.default_rng(0).integers(0, 256, (19, 26, 3), np.uint8)
    expected = [
        [frame[y : y + 8, x : x + 8].mean() for x in (0, 8, 16)] for y in (0, 8)
    ]
    np.testing.assert_allclose(cuts.blocks(frame), expected)


def test_cuts_between_moving_shots():
    shots = [shot(seed, 15 + seed, step=seed % 3) for seed in range(4)]
    assert find(np.concatenate(shots)) == [15, 31, 48]


@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_flash_is_no_cut(length):
    frames = shot(0, 30).copy()
    frames[12 : 12 + length] = 255 - (255 - frames[12 : 12 + length]) // 4
    assert find(frames) == []


def test_a_flash_hides_no_cut():
    frames = np.concatenate([shot(0, 20), shot(1, 20)])
    frames[12:14] = 255
    assert find(frames) == [20]


def test_a_whip_pan_is_no_cut():
    rest, pan = shot(0, 10, step=0), shot(0, 8, step=32)
    after = np.repeat(pan[-1:], 10, axis=0)
    assert find(np.concatenate([rest, pan, after])) == []


def faded(before, after, steps=8, black=3):
    ramp = np.linspace(0, 1, steps)[:, None, None, None]
    before, after = before.astype(float), after.astype(float)
    before[-steps:] *= ramp[::-1]
    after[:steps] *= ramp
    dark = np.zeros((black, *before.shape[1:]))
    return np.concatenate([before, dark, after]).astype(np.uint8)


def test_a_fade_through_black_is_a_cut_where_the_picture_changes():
    (place,) = find(faded(shot(0, 20), shot(1, 20)))
    assert 20 <= place <= 26
    assert find(faded(shot(0, 20, step=0), shot(0, 20, step=0))) == []


@pytest.mark.parametrize("count", [0, 1, 5, 8])
def test_few_frames_come_back(count):
    assert find(shot(0, 8)[:count]) == []


def test_a_shot_has_as_many_frames_as_a_change_is_judged_by():
    sizes = [20, cuts.AROUND, 20, cuts.AROUND - 1, 20]
    frames = np.concatenate([shot(seed, n, step=0) for seed, n in enumerate(sizes)])
    assert find(frames)[:2] == [20, 26]
    assert min(np.diff(find(frames))) >= cuts.AROUND


def test_scaled_frames_are_those_of_the_network(tmp_path):
    """Within what two resamplings and roundings differ; times are the same."""
    from offkeras.data.resize import shorter_side

    path = tmp_path / "tall.mp4"
    original = read_frames(sample_video("carphone_pristine.mp4"), range(6))
    write_video(path, original.swapaxes(1, 2), fps=10)
    scaled = list(iterate_scaled(path, 72))
    frames = list(iterate_frames(path))
    assert [s for s, _ in scaled] == [s for s, _ in frames]
    for (_, small), (_, frame) in zip(scaled, frames, strict=True):
        expected = shorter_side(frame, 72)[0].numpy()
        assert small.shape == expected.shape == (88, 72, 3)
        assert np.abs(small - expected.astype(float)).mean() < 2.5
