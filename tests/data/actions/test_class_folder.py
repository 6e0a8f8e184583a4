import collections
import dataclasses
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from offkeras import modalities
from offkeras.data import ClassFolder, sampling
from offkeras.data.actions import segment_reader
from offkeras.data.augment import center_crop
from offkeras.training import options
from offkeras.training.actions.presets import Options
from offkeras.video import optical_flow, reading
from offkeras.video.reading import read_frames
from offkeras.video.vectors.reading import iterate_fields
from tests.support import streams
from tests.support.recognizer import small_recognizer

ROOT = Path(__file__).parents[3]
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
    videos = ClassFolder.open(root)
    assert videos.class_names == ("juggle", "run", "wave")
    assert len(videos) == 9
    assert videos.labels == (0, 0, 0, 1, 1, 1, 1, 2, 2)
    assert videos.num_frames == tuple(range(28, 73, 5))
    assert videos.paths[1] == str(root / "juggle/1.AVI")
    assert videos.skipped == ()
    assert videos.others == (str(root / "run/notes.txt"),)


def test_labels_follow_the_given_class_names(root):
    names = ("absent", "wave", "run", "juggle")
    videos = ClassFolder.open(root, class_names=names)
    assert videos.class_names == names
    assert videos.labels == (3, 3, 3, 2, 2, 2, 2, 1, 1)


@pytest.mark.parametrize("utf8", ["0", "1"])
def test_class_names_do_not_depend_on_the_locale(utf8, encode, tmp_path):
    encode("set/café 日/a.mp4", num_frames=3)
    program = (
        "from offkeras.data import ClassFolder\n"
        "import sys; print(ascii(ClassFolder.open(sys.argv[1]).class_names))"
    )
    locale = {"LC_ALL": "C", "PYTHONUTF8": utf8, "PYTHONCOERCECLOCALE": "0"}
    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "set")],
        env={**os.environ, **locale, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert result.stdout == ascii(("café 日",)) + "\n", result.stderr


def test_a_class_name_of_no_utf8_is_refused(encode, tmp_path):
    encode("set/walk/a.mp4", num_frames=3)
    folder = tmp_path / "set" / os.fsdecode(b"caf\xe9")
    (tmp_path / "set/walk").rename(folder)
    with pytest.raises(ValueError, match=r"in UTF-8. Received: b'caf\\xe9'"):
        ClassFolder.open(tmp_path / "set")


def test_links_to_nothing_are_named(root):
    (root / "run/lost.mp4").symlink_to("nothing.mp4")
    with pytest.raises(ValueError, match="run/lost.mp4: a link to nothing.mp4"):
        ClassFolder.open(root)
    videos = ClassFolder.open(root, on_error="skip")
    assert [path for path, _ in videos.skipped] == [str(root / "run/lost.mp4")]
    (root / "jump").symlink_to("nowhere")
    with pytest.raises(ValueError, match="jump is a link to nowhere, which is not"):
        ClassFolder.open(root)


def test_broken_videos_are_listed_or_skipped(root):
    (root / "run/empty.mp4").write_bytes(b"")
    (root / "wave/text.mov").write_bytes(b"no video " * 99)
    good = ClassFolder.open(root, on_error="skip")
    with pytest.raises(ValueError) as caught:
        ClassFolder.open(root)
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
            ClassFolder.open(root, **options)

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
        ClassFolder.open(tmp_path / "absent")
    (tmp_path / "bare").mkdir()
    with pytest.raises(ValueError, match="Expected a folder per class"):
        ClassFolder.open(tmp_path / "bare")


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_split_is_stratified_and_complete(root, fraction):
    videos = ClassFolder.open(root)
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
    videos = ClassFolder.open(root)
    assert len({videos.split(0.4, seed=s)[1].paths for s in range(8)}) > 1
    for fraction in (0, 1):
        with pytest.raises(ValueError, match="between 0 and 1"):
            videos.split(fraction)
    (root / "wave/0.mp4").unlink()
    with pytest.raises(ValueError, match="'wave' has one group of videos, .*1.AVI"):
        ClassFolder.open(root).split(0.5)


def test_training_clips_are_the_sampled_frames(root):
    """Without crop and flip, a clip equals frames read one by one."""
    videos = ClassFolder.open(root)
    size = 42  # frames of 48 pixels: the crop is the whole square before resizing
    dataset = streams.train(
        videos,
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
    videos = ClassFolder.open(root)
    options = {"batch_size": 4, "num_segments": 2, "size": 28, "epochs": 2}
    frames, labels = collect(streams.train(videos, **options))
    read = []

    def count(path, *args, **kwargs):
        read.append(path)
        return read_frames(path, *args, **kwargs)

    monkeypatch.setattr(segment_reader, "read_frames", count)
    part = collect(streams.train(videos, **options, worker_slice=(0, 1)))
    np.testing.assert_array_equal(part[0], frames[::4])
    np.testing.assert_array_equal(part[1], labels[::4])
    assert len(read) == len(frames) // 4 == 4  # no other is decoded


@pytest.mark.parametrize("modality", modalities.MODALITIES)
def test_two_steps_lead_to_the_clip_of_a_test(root, modality):
    videos = ClassFolder.open(root)
    shape = dict(modality=modality, num_segments=3, size=28)
    decode, make = videos.steps(**shape)
    clips = videos.evaluate(batch_size=1, total_segments=3, **shape)
    for index, (clip, _) in enumerate(clips.take(4)):
        np.testing.assert_array_equal(make(index, decode(index)), clip[0])


def test_the_same_bits_after_a_resume(root):
    videos = ClassFolder.open(root)
    options = {"batch_size": 4, "num_segments": 2, "size": 28, "seed": 1, "epochs": 3}
    steps = videos.steps_per_epoch(4)
    assert steps == 2
    frames, labels = collect(streams.train(videos, **options))
    assert len(frames) == 3 * steps * 4
    tail = collect(streams.train(videos, **options, initial_epoch=2))
    np.testing.assert_array_equal(tail[0], frames[-8:])
    np.testing.assert_array_equal(tail[1], labels[-8:])
    again = collect(streams.train(videos, **options))
    np.testing.assert_array_equal(again[0], frames)
    other = collect(streams.train(videos, **{**options, "seed": 3}))
    assert (other[0] != frames).any()


def test_flip_and_scheme_take_effect(root):
    videos = ClassFolder.open(root)
    options = {"batch_size": 9, "num_segments": 2, "size": 42, "epochs": 3}
    plain, _ = collect(streams.train(videos, **options, flip=False))
    flipped, _ = collect(streams.train(videos, **options))
    same = (plain == flipped).all((1, 2, 3, 4))
    mirrored = (plain == flipped[:, :, :, ::-1]).all((1, 2, 3, 4))
    assert (same | mirrored).all() and 0 < mirrored.sum() < len(plain)
    released, _ = collect(
        streams.train(videos, **options, flip=False, scheme="released")
    )
    assert (released != plain).any()


@pytest.mark.parametrize("num_segments", [25, 7])
def test_test_clips_are_the_centre_of_evenly_spaced_frames(root, num_segments):
    videos = ClassFolder.open(root)
    dataset = videos.evaluate(batch_size=4, num_segments=num_segments, size=42)
    frames, labels = collect(dataset)
    assert labels.tolist() == list(videos.labels)
    first = (25 - num_segments) // 2
    for clip, path, count in zip(frames, videos.paths, videos.num_frames, strict=True):
        chosen = sampling.evaluation_indices(count)[first : first + num_segments]
        expected = center_crop(read_frames(path, chosen), 42)
        np.testing.assert_array_equal(clip, expected)
    with pytest.raises(ValueError, match="Expected num_segments in 1..25"):
        videos.evaluate(batch_size=4, num_segments=26)


def test_wrong_training_arguments_fail_before_the_first_batch(root):
    videos = ClassFolder.open(root)
    with pytest.raises(ValueError, match="Expected batch_size in 1..9"):
        streams.train(videos, batch_size=10)
    with pytest.raises(ValueError, match="Expected num_segments in 1..25"):
        streams.train(videos, batch_size=2, num_segments=26)
    with pytest.raises(ValueError, match="Expected scheme"):
        videos.evaluate(batch_size=2, scheme="dense")


def test_a_file_that_breaks_during_training_is_named(root):
    videos = ClassFolder.open(root)
    (root / "run/0.mp4").write_bytes(b"")
    dataset = streams.train(videos, batch_size=9, num_segments=2, size=28)
    with pytest.raises(tf.errors.OpError, match="run/0.mp4: has changed since"):
        list(dataset)


def test_a_file_is_opened_once_and_never_searched_again(root, monkeypatch):
    """`open` looks through every file; a read opens it to decode, and no more."""
    opened, searched = collections.Counter(), collections.Counter()
    open_container, read_index = av.open, reading.read_index

    def count_open(path, *args, **kwargs):
        opened[path.removeprefix("file:")] += 1
        return open_container(path, *args, **kwargs)

    def count_search(path, *args, **kwargs):
        searched[str(path)] += 1
        return read_index(path, *args, **kwargs)

    monkeypatch.setattr(av, "open", count_open)
    monkeypatch.setattr(reading, "read_index", count_search)
    videos = ClassFolder.open(root)
    assert searched == dict.fromkeys(videos.paths, 1)
    opened.clear()
    searched.clear()
    options = {"batch_size": 9, "num_segments": 2, "size": 28}
    list(streams.train(videos, **options, epochs=3))
    list(videos.evaluate(**options))
    assert opened == dict.fromkeys(videos.paths, 4) and not searched


def test_flow_is_that_of_prepared_videos(root):
    """Between frames of the size that clips are cut from, x and y in turn."""
    cv2.setNumThreads(1)
    videos = ClassFolder.open(root, flow="dis")
    videos = dataclasses.replace(videos, videos=videos.videos[::4])
    options = {"num_segments": 2, "total_segments": 3, "size": 42, "crops": "ten"}
    frames, labels = collect(videos.evaluate(batch_size=1, modality="flow", **options))
    assert labels.tolist() == list(videos.labels) and frames.dtype == np.uint8
    between = optical_flow.estimator("dis")
    for clip, path, count in zip(frames, videos.paths, videos.num_frames, strict=True):
        starts = sampling.evaluation_indices(
            count - 1, total_segments=3, frames_per_segment=5
        )
        for segment, start in enumerate(starts[:2]):
            grays = [
                cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
                for frame in read_frames(path, range(start, start + 6))
            ]
            fields = [between(a, b) for a, b in itertools.pairwise(grays)]
            expected = optical_flow.quantize(np.concatenate(fields, axis=-1))
            expected = expected[:42, :42]  # of 48x64: the first crop
            np.testing.assert_array_equal(clip[0, segment], expected)
            mirrored = expected[:, ::-1].copy()
            mirrored[..., ::2] = 255 - mirrored[..., ::2]
            np.testing.assert_array_equal(clip[5, segment], mirrored)


@pytest.mark.parametrize("rule", ["previous", "next"])
def test_motion_vectors_are_those_of_the_decoder(rule, root):
    """Those that lead to the frame after each one, at the size of the crop."""
    videos = ClassFolder.open(root, vectors=rule)
    videos = dataclasses.replace(videos, videos=videos.videos[:3])
    options = {"num_segments": 2, "total_segments": 2, "size": 42, "crops": "ten"}
    clips, _ = collect(videos.evaluate(batch_size=1, modality="codec", **options))
    assert clips.shape == (3, 10, 2, 42, 42, 20) and clips.dtype == np.uint8
    for clip, path, count in zip(clips, videos.paths, videos.num_frames, strict=True):
        images = [field.image() for _, _, field in iterate_fields(path, rule=rule)]
        starts = sampling.evaluation_indices(
            count - 1, total_segments=2, frames_per_segment=10
        )
        for segment, start in enumerate(starts):
            stack = np.concatenate(images[start + 1 : start + 11], axis=-1)
            np.testing.assert_array_equal(clip[0, segment], stack[:42, :42])


def test_videos_without_motion_vectors_are_named(root, encode):
    path = encode("set/run/vp8.webm", codec="libvpx", num_frames=3)
    videos = ClassFolder.open(root)
    with pytest.raises(ValueError, match=rf"1 of 10 videos (?s:.*){path}: .*: vp8"):
        videos.evaluate(batch_size=1, modality="codec")
    with pytest.raises(ValueError, match="Expected vectors to be one of"):
        ClassFolder.open(root, vectors="both")


def test_differences_are_those_of_consecutive_frames(root):
    videos = ClassFolder.open(root)
    options = {"num_segments": 2, "total_segments": 3, "size": 42}
    frames, _ = collect(videos.evaluate(batch_size=9, modality="rgb_diff", **options))
    assert frames.dtype == np.float16 and frames.shape == (9, 2, 42, 42, 15)
    starts = sampling.evaluation_indices(28, total_segments=3, frames_per_segment=6)
    whole = read_frames(videos.paths[0], range(starts[1], starts[1] + 6))
    whole = whole[:, 3:45, 11:53].astype(int)
    expected = np.concatenate(np.diff(whole, axis=0), axis=-1)
    np.testing.assert_array_equal(frames[0, 1], expected)


def test_a_modality_is_one_entry(root, monkeypatch):
    """A recognizer learns from three frames at a time, with nothing added elsewhere."""
    toy = modalities.Modality("rgb_triple", 9, frames_per_segment=3, mean=117.0)
    monkeypatch.setitem(modalities.MODALITIES, toy.name, toy)
    o = options.parse(Options, {}, "Trains.", ["--modality", toy.name])
    model = small_recognizer(channels=toy.channels, modality=o.modality)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(1e-3, global_clipnorm=1.0)
    model.compile(optimizer, loss=loss, jit_compile=False)
    clips = dict(modality=o.modality, num_segments=3, size=32, outputs=model.output)
    history = model.fit(ClassFolder.open(root).train(batch_size=3, **clips), verbose=0)
    assert model.input["frames"].shape[-1] == toy.channels
    assert np.isfinite(history.history["loss"]).all()
