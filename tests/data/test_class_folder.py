import shutil

import numpy as np
import pytest
import tensorflow as tf

from offkeras.data import ClassFolder, class_folder, sampling
from offkeras.data.augment import center_crop
from offkeras.data.video import read_frames

COUNTS = {"juggle": 3, "run": 4, "wave": 2}


@pytest.fixture
def root(encode, tmp_path):
    """Nine short videos in three classes, of different lengths and containers."""
    length = 28
    for name, count in COUNTS.items():
        for i in range(count):
            suffix = ("mp4", "AVI", "mkv")[i % 3]
            codec = "mpeg4" if suffix == "AVI" else "libx264"
            encode(
                f"set/{name}/{i}.{suffix}",
                codec=codec,
                num_frames=length,
                height=48,
                width=64,
            )
            length += 5
    (tmp_path / "set/run/notes.txt").write_text("not a video")
    return tmp_path / "set"


def collect(dataset):
    frames, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(frames), np.concatenate(labels)


def test_scan_finds_every_video(root):
    videos = ClassFolder.scan(root)
    assert videos.class_names == ("juggle", "run", "wave")
    assert len(videos) == 9
    assert videos.labels == (0, 0, 0, 1, 1, 1, 1, 2, 2)
    assert videos.num_frames == tuple(range(28, 73, 5))
    assert videos.paths[1] == str(root / "juggle/1.AVI")
    assert videos.skipped == ()


def test_labels_follow_the_given_class_names(root):
    names = ("absent", "wave", "run", "juggle")
    videos = ClassFolder.scan(root, class_names=names)
    assert videos.class_names == names
    assert videos.labels == (3, 3, 3, 2, 2, 2, 2, 1, 1)


def test_broken_videos_are_listed_or_skipped(root):
    (root / "run/empty.mp4").write_bytes(b"")
    (root / "wave/text.mov").write_bytes(b"no video " * 99)
    good = ClassFolder.scan(root, on_error="skip")
    with pytest.raises(ValueError) as caught:
        ClassFolder.scan(root)
    message = str(caught.value)
    assert message.startswith("2 of 11 videos")
    assert f"{root}/run/empty.mp4: the file is empty" in message
    assert f"{root}/wave/text.mov: not a readable video" in message
    assert len(good) == 9
    assert [path for path, _ in good.skipped] == [
        str(root / "run/empty.mp4"),
        str(root / "wave/text.mov"),
    ]
    assert "empty" in good.skipped[0][1]
    for part in good.split(0.3):
        assert part.skipped == good.skipped


def test_wrong_layouts_are_named(root, tmp_path):
    def refuses(message, **options):
        with pytest.raises(ValueError, match=message):
            ClassFolder.scan(root, **options)

    refuses("wave is not among the class_names", class_names=("juggle", "run"))
    refuses("on_error to be 'raise' or 'skip'", on_error="ignore")
    (root / "sit").mkdir()
    refuses("sit holds no video")
    (root / "sit/a.mp4").write_bytes(b"")
    refuses("No video of class folder .*sit can be read", on_error="skip")
    shutil.rmtree(root / "sit")
    (root / "run/more").mkdir()
    refuses("It holds the folder more")
    (root / "run/more").rmdir()
    shutil.copy(root / "run/0.mp4", root / "stray.mp4")
    refuses("itself holds 1, among them stray.mp4")
    with pytest.raises(ValueError, match="Expected a folder of class folders"):
        ClassFolder.scan(tmp_path / "absent")
    (tmp_path / "bare").mkdir()
    with pytest.raises(ValueError, match="Expected a folder per class"):
        ClassFolder.scan(tmp_path / "bare")


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_split_is_stratified_and_complete(root, fraction):
    videos = ClassFolder.scan(root)
    train, validation = videos.split(fraction)
    assert sorted(train.paths + validation.paths) == sorted(videos.paths)
    counts = dict(zip(videos.paths, videos.num_frames, strict=True))
    labels = dict(zip(videos.paths, videos.labels, strict=True))
    for part in (train, validation):
        assert set(part.labels) == {0, 1, 2}
        assert part.num_frames == tuple(counts[p] for p in part.paths)
        assert part.labels == tuple(labels[p] for p in part.paths)
    for label, total in enumerate(COUNTS.values()):
        expected = min(max(round(total * fraction), 1), total - 1)
        assert validation.labels.count(label) == expected
    assert videos.split(fraction)[1].paths == validation.paths


def test_split_depends_on_the_seed_and_needs_two_files(root):
    videos = ClassFolder.scan(root)
    assert len({videos.split(0.4, seed=s)[1].paths for s in range(8)}) > 1
    for fraction in (0, 1):
        with pytest.raises(ValueError, match="between 0 and 1"):
            videos.split(fraction)
    (root / "wave/0.mp4").unlink()
    with pytest.raises(ValueError, match="'wave' has one video, .*1.AVI"):
        ClassFolder.scan(root).split(0.5)


def test_training_clips_are_the_sampled_frames(root):
    """Without crop and flip, a clip equals frames read one by one."""
    videos = ClassFolder.scan(root)
    size = 42  # frames of 48 pixels: the crop is the whole square before resizing
    dataset = videos.train_dataset(
        batch_size=9,
        num_segments=3,
        total_segments=5,
        size=size,
        scales=(42 / 48,),
        flip=False,
        seed=2,
        epochs=2,
    )
    assert dataset.element_spec == (
        tf.TensorSpec((9, 3, size, size, 3), tf.uint8),
        tf.TensorSpec((9,), tf.int32),
    )
    for epoch, (frames, labels) in enumerate(dataset.as_numpy_iterator()):
        assert sorted(labels) == sorted(videos.labels)
        found = set()
        for clip, label in zip(frames, labels, strict=True):
            for index, path in enumerate(videos.paths):
                chosen = sampling.train_indices(
                    videos.num_frames[index],
                    num_segments=3,
                    total_segments=5,
                    seed=2,
                    epoch=epoch,
                    index=index,
                )
                whole = read_frames(path, chosen)
                crops = (
                    whole[:, y : y + size, x : x + size]
                    for y in range(7)
                    for x in range(23)
                )
                if any(np.array_equal(clip, crop) for crop in crops):
                    assert label == videos.labels[index]
                    found.add(index)
        assert found == set(range(9))


def test_a_part_of_every_batch(root, monkeypatch):
    videos = ClassFolder.scan(root)
    options = {"batch_size": 4, "num_segments": 2, "size": 28, "epochs": 2}
    frames, labels = collect(videos.train_dataset(**options))
    read = []

    def count(path, *args, **kwargs):
        read.append(path)
        return read_frames(path, *args, **kwargs)

    monkeypatch.setattr(class_folder, "read_frames", count)
    part = collect(videos.train_dataset(**options, part=(0, 1)))
    np.testing.assert_array_equal(part[0], frames[::4])
    np.testing.assert_array_equal(part[1], labels[::4])
    assert len(read) == len(frames) // 4 == 4  # no other is decoded


def test_the_same_bits_after_a_resume(root):
    videos = ClassFolder.scan(root)
    options = {"batch_size": 4, "num_segments": 2, "size": 28, "seed": 1, "epochs": 3}
    steps = videos.steps_per_epoch(4)
    assert steps == 2
    frames, labels = collect(videos.train_dataset(**options))
    assert len(frames) == 3 * steps * 4
    tail = collect(videos.train_dataset(**options, initial_epoch=2))
    np.testing.assert_array_equal(tail[0], frames[-8:])
    np.testing.assert_array_equal(tail[1], labels[-8:])
    again = collect(videos.train_dataset(**options))
    np.testing.assert_array_equal(again[0], frames)
    other = collect(videos.train_dataset(**{**options, "seed": 3}))
    assert (other[0] != frames).any()


def test_flip_and_scheme_take_effect(root):
    videos = ClassFolder.scan(root)
    options = {"batch_size": 9, "num_segments": 2, "size": 42, "epochs": 3}
    plain, _ = collect(videos.train_dataset(**options, flip=False))
    flipped, _ = collect(videos.train_dataset(**options))
    same = (plain == flipped).all((1, 2, 3, 4))
    mirrored = (plain == flipped[:, :, :, ::-1]).all((1, 2, 3, 4))
    assert (same | mirrored).all() and 0 < mirrored.sum() < len(plain)
    released, _ = collect(
        videos.train_dataset(**options, flip=False, scheme="released")
    )
    assert (released != plain).any()


@pytest.mark.parametrize("num_segments", [25, 7])
def test_test_clips_are_the_centre_of_evenly_spaced_frames(root, num_segments):
    videos = ClassFolder.scan(root)
    dataset = videos.test_dataset(batch_size=4, num_segments=num_segments, size=42)
    frames, labels = collect(dataset)
    assert labels.tolist() == list(videos.labels)
    first = (25 - num_segments) // 2
    for clip, path, count in zip(frames, videos.paths, videos.num_frames, strict=True):
        chosen = sampling.test_indices(count)[first : first + num_segments]
        expected = center_crop(read_frames(path, chosen), 42)
        np.testing.assert_array_equal(clip, expected)
    with pytest.raises(ValueError, match="Expected num_segments in 1..25"):
        videos.test_dataset(batch_size=4, num_segments=26)


def test_wrong_training_arguments_fail_before_the_first_batch(root):
    videos = ClassFolder.scan(root)
    with pytest.raises(ValueError, match="Expected batch_size in 1..9"):
        videos.train_dataset(batch_size=10)
    with pytest.raises(ValueError, match="Expected num_segments in 1..25"):
        videos.train_dataset(batch_size=2, num_segments=26)
    with pytest.raises(ValueError, match="Expected scheme"):
        videos.test_dataset(batch_size=2, scheme="dense")


def test_a_file_that_breaks_during_training_is_named(root):
    videos = ClassFolder.scan(root)
    (root / "run/0.mp4").write_bytes(b"")
    dataset = videos.train_dataset(batch_size=9, num_segments=2, size=28)
    with pytest.raises(tf.errors.OpError, match="run/0.mp4: the file is empty"):
        list(dataset)
