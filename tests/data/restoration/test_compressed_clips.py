import itertools

import numpy as np
import pytest

from offkeras.data.restoration import compressed_clips, septuplet_files
from offkeras.data.restoration.compression import FFmpeg
from offkeras.data.sample_videos import sample_video


def shot(brightness, frames, height=16, width=24):
    """Frames of one shot that say their number in the red channel."""
    clip = np.full((frames, height, width, 3), brightness, np.uint8)
    clip[..., 0] = np.arange(frames)[:, None, None] + brightness
    return clip


@pytest.mark.parametrize(
    "stride, firsts", [(7, [0, 7]), (5, [0, 5, 10]), (4, [0, 4, 8, 12]), (10, [0, 10])]
)
def test_clips_begin_a_stride_apart(stride, firsts):
    clips = list(compressed_clips.cut_septuplets(shot(0, 19), stride=stride))
    assert [clip[0, 0, 0, 0] for clip in clips] == firsts
    for clip in clips:
        assert clip.shape == (7, 16, 24, 3)
        np.testing.assert_array_equal(np.diff(clip[:, 0, 0, 0]), 1)


def test_no_clip_crosses_a_cut():
    video = np.concatenate([shot(0, 9), shot(100, 6), shot(0, 8)])
    clips = list(compressed_clips.cut_septuplets(video, stride=1))
    assert [clip[0, 0, 0, 0] for clip in clips] == [0, 1, 2, 0, 1]
    assert all(np.ptp(clip[..., 1]) == 0 for clip in clips)


def test_splits_share_no_scene():
    cuts = [0, 30, 76, 137, 187, 242, 250]
    scenes = {split: set() for split in compressed_clips.SPLITS}
    for split, (_, sources) in compressed_clips.SPLITS.items():
        for name, first, end in sources:
            if name == "bikes.mp4":
                assert first in cuts and end in cuts
                inside = set(range(cuts.index(first), cuts.index(end)))
            else:
                inside = {0}
            scenes[split] |= {(name, scene) for scene in inside}
    everything = [scene for split in scenes.values() for scene in split]
    assert len(everything) == len(set(everything))


def test_training_clips_show_every_frame_once_among_their_targets():
    stride, _ = compressed_clips.SPLITS["train"]
    clips = compressed_clips.cut_septuplets(shot(0, 32), stride=stride)
    targets = [number for clip in clips for number in clip[1:6, 0, 0, 0]]
    assert targets == list(range(1, 31))


def test_write_septuplets_keeps_what_is_there(tmp_path):
    names = compressed_clips.write_septuplets(tmp_path, "00001", shot(0, 15))
    assert names == ["00001/0001", "00001/0002"]
    found = septuplet_files.read_clip(tmp_path, "sequences", "00001/0002")
    np.testing.assert_array_equal(found, shot(0, 15)[7:14])
    # A second run, as after a kill, writes only what is missing.
    again = compressed_clips.write_septuplets(tmp_path, "00001", shot(9, 22))
    assert again == [*names, "00001/0003"]
    kept = septuplet_files.read_clip(tmp_path, "sequences", "00001/0002")
    np.testing.assert_array_equal(kept, found)


@pytest.mark.slow
def test_the_embedded_set(tmp_path, monkeypatch):
    """Sizes and counts, with a few frames of every video."""
    short = {
        split: (stride, tuple((name, first, first + 12) for name, first, _ in sources))
        for split, (stride, sources) in compressed_clips.SPLITS.items()
    }
    monkeypatch.setattr(compressed_clips, "SPLITS", short)
    ffmpeg = FFmpeg.find()
    compressed_clips.write_embedded(tmp_path, ffmpeg=ffmpeg)
    counts = {split: len(septuplet_files.read_list(tmp_path, split)) for split in short}
    assert counts == {"train": 6, "validation": 2, "test": 2, "out_of_domain": 1}
    for split, size in (("train", (256, 448)), ("out_of_domain", (144, 176))):
        clips = septuplet_files.read_list(tmp_path, split)
        assert septuplet_files.find_problems(tmp_path, clips, size=size) == []
    train, sizes = (
        septuplet_files.read_list(tmp_path, name) for name in ("train", "train_sizes")
    )
    assert set(train) < set(sizes) and len(sizes) == 3 * len(train)
    for suffix, size in (("192", (192, 336)), ("128", (128, 224))):
        clips = [clip for clip in sizes if clip.split("/")[0].endswith(f"_{suffix}")]
        assert len(clips) == len(train)
        assert septuplet_files.find_problems(tmp_path, clips, size=size) == []
    colors = septuplet_files.read_list(tmp_path, "train_colors")
    assert set(train) < set(colors) and len(colors) == len(sizes)
    for suffix, order in (("192", [1, 2, 0]), ("128", [2, 0, 1])):
        plain, exchanged = (
            septuplet_files.read_clip(tmp_path, "sequences", f"bikes_76_{name}/0001")
            for name in (suffix, f"{suffix}_exchanged")
        )
        np.testing.assert_array_equal(exchanged, plain[..., order])
    first = septuplet_files.read_clip(tmp_path, "sequences", "bikes_187/0001")[0]
    frames = ffmpeg.read(sample_video("bikes.mp4"), size=(256, 448))
    for frame in itertools.islice(frames, 188):
        last = frame
    np.testing.assert_array_equal(first, last)
