import dataclasses

import cv2
import numpy as np
import pytest
import tensorflow as tf

from offkeras.data import load_imagenet_vid
from offkeras.data.detection import videos as detection
from offkeras.data.detection.images import check_image, read_image
from tests.support import streams
from tests.support.vid_miniature import SIZE, write_image, write_miniature

OWN_SIZE = {"short_side": SIZE[0], "long_side": SIZE[1]}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_miniature(tmp_path_factory.mktemp("data") / "ILSVRC2015")


@pytest.fixture
def train(root):
    return load_imagenet_vid(root, ["VID_train_15frames", "DET_train_30classes"])


@pytest.fixture
def val(root):
    return load_imagenet_vid(root, ["VID_val_videos"], keep_empty=True)


def decoded(path):
    return cv2.imread(str(path))[..., ::-1]


def test_png_images_are_read_too(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), image[..., ::-1])
    assert check_image(path, (20, 30)) is None
    np.testing.assert_array_equal(read_image(path, (20, 30)), image)


def collect(dataset):
    """Samples of a dataset of batches."""
    return [
        {name: array[i] for name, array in batch.items()}
        for batch in dataset.as_numpy_iterator()
        for i in range(len(batch["frames"]))
    ]


def assert_same(frame, image):
    """Equal but for the rounding of two JPEG decoders."""
    assert np.abs(np.int32(frame) - image).max() <= 3


def test_evaluation_samples(val, root):
    samples = collect(val.evaluate(batch_size=2, **OWN_SIZE))
    assert [sample["index"] for sample in samples] == [0, 1, 2, 3, 4]
    images = [decoded(root / f"Data/VID/val/two/{t:06}.JPEG") for t in range(4)]
    one = decoded(root / "Data/VID/val/one/000000.JPEG")
    # A first frame is its own reference, as is the only one of a video.
    pairs = [(one, one), (images[0],) * 2, *zip(images[:-1], images[1:], strict=True)]
    for sample, pair in zip(samples, pairs, strict=True):
        for frame, image in zip(sample["frames"], pair, strict=True):
            assert_same(frame, image)
    assert samples[0]["classes"].tolist() == [-1, -1]
    assert samples[0]["boxes"].tolist() == [[0] * 4] * 2
    assert samples[2]["boxes"].tolist() == [[10, 10, 31, 31], [5, 0, 15, 10]]
    assert samples[2]["classes"].tolist() == [6, 8]


@pytest.mark.parametrize(
    "offsets, expected",
    [
        ((), [[0], [1], [2], [3]]),
        ((0,), [[0, 0], [1, 1], [2, 2], [3, 3]]),
        ((-1, 1), [[0, 1, 0], [0, 2, 1], [1, 3, 2], [2, 3, 3]]),
        ((-3,), [[0, 0], [1, 1], [2, 2], [0, 3]]),
        ((-9, 9), [[t] * 3 for t in range(4)]),  # a window longer than the video
    ],
)
def test_references(val, root, offsets, expected):
    images = [decoded(root / f"Data/VID/val/two/{t:06}.JPEG") for t in range(4)]
    samples = collect(val.evaluate(offsets=offsets, **OWN_SIZE))[1:]
    for sample, positions in zip(samples, expected, strict=True):
        for frame, position in zip(sample["frames"], positions, strict=True):
            assert_same(frame, images[position])


def test_scale_leads_back_to_the_image_file(val):
    for sides in ({"short_side": 30, "long_side": 35}, {"short_side": 73}):
        samples = collect(val.evaluate(**sides))
        for sample in samples:
            frame = val.frames[sample["index"]]
            height, width = sample["frames"].shape[1:3]
            expected = np.array([width, height, width, height]) / (60, 40, 60, 40)
            np.testing.assert_allclose(sample["scale"], expected, rtol=1e-6)
            boxes = sample["boxes"][: len(frame.classes)] / sample["scale"]
            np.testing.assert_allclose(boxes, frame.boxes, atol=1e-4)


def test_smaller_samples_are_padded_at_the_right_and_bottom(train):
    data = dataclasses.replace(train, frames=train.frames[-2:])
    (batch,) = data.evaluate(
        batch_size=2, short_side=40, long_side=90
    ).as_numpy_iterator()
    # 40x60 stays, 80x100 becomes 40x50.
    assert batch["frames"].shape == (2, 2, 40, 60, 3)
    assert batch["frames"][1, :, :, 50:].max() == 0
    assert batch["frames"][1, :, :, :50].min(axis=(0, 1, 3)).max() > 0
    np.testing.assert_allclose(batch["boxes"][1, 0] * 2, [3, 4, 11, 13])
    np.testing.assert_array_equal(batch["frames"][1, 0], batch["frames"][1, 1])


def test_shapes_are_static_where_one_size_is_known(train, val):
    spec = val.evaluate(batch_size=2, short_side=80).element_spec
    assert spec["frames"] == tf.TensorSpec((None, 2, 80, 120, 3), tf.uint8)
    spec = streams.train(train, batch_size=3, max_objects=5).element_spec
    assert spec == {
        "frames": tf.TensorSpec((3, 2, None, None, 3), tf.uint8),
        "boxes": tf.TensorSpec((3, 5, 4), tf.float32),
        "classes": tf.TensorSpec((3, 5), tf.int32),
    }


def test_training_samples_are_the_frames_mirrored_or_not(train):
    frames = [frame for frame in train.frames if len(frame.video.images) > 1]
    data = dataclasses.replace(train, frames=tuple(frames))
    samples = collect(streams.train(data, batch_size=1, epochs=4, **OWN_SIZE))
    assert len(samples) == 4 * len(frames)
    images = [decoded(f.video.images[f.position]) for f in frames]
    before = [decoded(f.video.images[max(f.position - 1, 0)]) for f in frames]
    seen = []
    for sample in samples:
        distances = np.array(
            [
                [np.abs(np.int32(sample["frames"][-1]) - view).mean() for view in views]
                for views in ((image, image[:, ::-1]) for image in images)
            ]
        )
        index, flipped = np.unravel_index(distances.argmin(), distances.shape)
        reference = before[index][:, ::-1] if flipped else before[index]
        assert_same(sample["frames"][0], reference)
        boxes = frames[index].boxes
        if flipped:
            boxes = (60 - boxes[:, [2, 1, 0, 3]]) * [1, 0, 1, 0] + boxes * [0, 1, 0, 1]
        np.testing.assert_array_equal(sample["boxes"], boxes)
        seen.append((index, flipped))
    epochs = np.reshape([index for index, _ in seen], (4, -1))
    assert (np.sort(epochs) == np.arange(len(frames))).all()
    assert not (epochs == epochs[0]).all()
    assert 0.3 < np.mean([flipped for _, flipped in seen]) < 0.7


def test_no_flip(train):
    data = dataclasses.replace(train, frames=train.frames[:1])
    dataset = streams.train(data, batch_size=1, flip=False, epochs=8, **OWN_SIZE)
    samples = collect(dataset)
    assert len({sample["boxes"].tobytes() for sample in samples}) == 1


def test_jitter(train, root):
    frame = train.frames[8]
    assert (frame.video.name, frame.position) == ("train/long", 11)
    data = dataclasses.replace(train, frames=(frame,))
    images = [decoded(path) for path in frame.video.images]
    dataset = streams.train(
        data, batch_size=1, offsets=(-4, 4), jitter=2, flip=False, epochs=40, **OWN_SIZE
    )
    found = [
        [np.argmin([np.abs(np.int32(f) - i).mean() for i in images]) for f in frames]
        for frames in (sample["frames"] for sample in collect(dataset))
    ]
    before, after, key = np.transpose(found)
    assert set(before) == {5, 6, 7, 8, 9}
    assert set(after) == {13, 14, 15, 16, 17}
    assert set(key) == {11}
    assert len(set(after - before)) > 3  # each has its own


def test_a_later_epoch_starts_with_the_same_samples(train):
    options = {"batch_size": 4, "jitter": 1, "seed": 5, "epochs": 3, **OWN_SIZE}
    whole = collect(streams.train(train, **options))
    tail = collect(streams.train(train, initial_epoch=1, **options))
    for one, other in zip(whole[-len(tail) :], tail, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    other_seed = collect(streams.train(train, **{**options, "seed": 6}))
    assert any(
        one["boxes"].tolist() != two["boxes"].tolist()
        for one, two in zip(whole, other_seed, strict=True)
    )
    assert train.steps_per_epoch(4) == 4
    assert len(whole) == 3 * 16


def test_a_part_of_every_batch(train, monkeypatch):
    """Padded to the largest sample of the whole batch; no other one is read."""
    data = dataclasses.replace(train, frames=train.frames[-2:])
    options = {"batch_size": 2, "offsets": (), "short_side": 40, "long_side": 90}
    whole = list(streams.train(data, epochs=9, **options).as_numpy_iterator())
    read = []

    def count(path, size):
        read.append(path)
        return read_image(path, size)

    monkeypatch.setattr(detection, "read_image", count)
    part = streams.train(data, epochs=9, worker_slice=(1, 2), **options)
    part = list(part.as_numpy_iterator())
    for one, other in zip(whole, part, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name][1:], other[name])
    padded = [not sample["frames"][..., 50:, :].any() for sample in part]
    assert {sample["frames"].shape for sample in part} == {(1, 1, 40, 60, 3)}
    assert 0 < sum(padded) < 9 == len(read)


def test_frames_in_memory_are_the_same_and_read_once(train, monkeypatch):
    arguments = {"batch_size": 4, "epochs": 2, "short_side": 30}
    expected = collect(streams.train(train, **arguments))
    read = []

    def count(path, size):
        read.append(path)
        return read_image(path, size)

    monkeypatch.setattr(detection, "read_image", count)
    found = collect(streams.train(train, in_memory=True, **arguments))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one["frames"], other["frames"])
    # Two threads may be at the same file at once.
    assert len(set(read)) <= len(read) < 1.5 * len(set(read))


def test_wrong_arguments(train):
    with pytest.raises(ValueError, match="max_objects=1 .* 1 have more: .*still.JPEG"):
        streams.train(train, batch_size=1, max_objects=1)
    with pytest.raises(ValueError, match=r"batch_size in 1..18, .* Received: 19"):
        streams.train(train, batch_size=19)
    with pytest.raises(ValueError, match="short_side=9, long_side=8"):
        streams.train(train, batch_size=1, short_side=9, long_side=8)
    with pytest.raises(ValueError, match="jitter .* Received: -1"):
        streams.train(train, batch_size=1, jitter=-1)


@pytest.mark.parametrize("fault", ["truncated", "missing", "size"])
def test_a_file_that_breaks_later_is_named(tmp_path, fault):
    data = load_imagenet_vid(
        write_miniature(tmp_path), ["VID_val_videos"], keep_empty=True
    )
    path = tmp_path / "Data/VID/val/two/000002.JPEG"
    if fault == "truncated":
        path.write_bytes(path.read_bytes()[:300])
    elif fault == "missing":
        path.unlink()
    else:
        write_image(path, size=(40, 61))
    with pytest.raises(tf.errors.InvalidArgumentError, match="two/000002.JPEG"):
        collect(data.evaluate(**OWN_SIZE))
