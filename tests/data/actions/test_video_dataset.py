import collections

import keras
import numpy as np
import pytest

from offkeras import data
from offkeras.data import ClassFolder, video_dataset_from_directory

COUNTS = {"jump": 3, "run": 5}


@pytest.fixture
def root(encode, tmp_path):
    for name, count in COUNTS.items():
        for i in range(count):
            encode(
                f"set/{name}/{i}.mp4",
                codec="mpeg4",
                num_frames=30 + i,
                height=40,
                width=48,
            )
    return tmp_path / "set"


def make(root, **options):
    options = {"image_size": (32, 32), "num_segments": 3, "seed": 0, **options}
    return video_dataset_from_directory(root, verbose=False, **options)


def collect(dataset):
    frames, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(frames), np.concatenate(labels)


def test_clips_and_labels(root, capsys):
    dataset = video_dataset_from_directory(root, image_size=(32, 32), num_segments=3)
    assert "Found 8 videos of 2 classes." in capsys.readouterr().out
    frames, labels = collect(dataset)
    assert frames.shape == (8, 3, 32, 32, 3) and frames.dtype == np.uint8
    assert collections.Counter(labels.tolist()) == {0: 3, 1: 5}
    assert dataset.class_names == ["jump", "run"]
    assert len(dataset) == 1 and len(dataset.file_paths) == 8


def test_every_pass_is_an_epoch_of_the_stream(root):
    """Of `ClassFolder.train`, which the k-th epoch of a run draws from."""
    dataset = make(root, batch_size=4)
    passes = [collect(dataset) for _ in range(3)]
    stream = data.Stream(0, epochs=3)
    expected = ClassFolder.open(root).train(
        stream, batch_size=4, size=32, num_segments=3, total_segments=12, flip=False
    )
    frames, labels = collect(expected)
    np.testing.assert_array_equal(np.concatenate([p[0] for p in passes]), frames)
    np.testing.assert_array_equal(np.concatenate([p[1] for p in passes]), labels)
    assert not np.array_equal(passes[0][0], passes[1][0])


def test_without_shuffling_files_are_in_order(root):
    dataset = make(root, shuffle=False)
    frames, labels = collect(dataset)
    assert labels.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    np.testing.assert_array_equal(frames, collect(dataset)[0])


def test_subsets_share_no_file(root):
    train = make(root, validation_split=0.4, subset="training")
    validation = make(root, validation_split=0.4, subset="validation")
    both = make(root, validation_split=0.4, subset="both")
    assert {*train.file_paths} & {*validation.file_paths} == set()
    assert len(train.file_paths) + len(validation.file_paths) == 8
    assert [d.file_paths for d in both] == [train.file_paths, validation.file_paths]
    names = {path.split("/")[-2] for path in validation.file_paths}
    assert names == {"jump", "run"}


def test_label_modes(root):
    integers = collect(make(root, shuffle=False))[1]
    one_hot = collect(make(root, shuffle=False, label_mode="categorical"))[1]
    np.testing.assert_array_equal(one_hot, np.eye(2)[integers])
    binary = collect(make(root, shuffle=False, label_mode="binary"))[1]
    assert binary.dtype == np.float32 and binary.tolist() == integers.tolist()
    for options in ({"label_mode": None}, {"labels": None}):
        (frames,) = make(root, shuffle=False, **options)
        assert frames.shape == (8, 3, 32, 32, 3)


def test_class_names_give_the_order(root):
    dataset = make(root, shuffle=False, class_names=["run", "jump"])
    assert collections.Counter(collect(dataset)[1].tolist()) == {0: 5, 1: 3}
    assert dataset.class_names == ["run", "jump"]


def test_fit_takes_it(root):
    model = keras.Sequential(
        [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss=loss)
    history = model.fit(make(root, batch_size=4), epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [0, 1]}, "Expected labels to be 'inferred' or None"),
        ({"label_mode": "text"}, "Expected label_mode to be one of"),
        ({"image_size": (32, 64)}, "Expected a square image_size"),
        ({"validation_split": 0.2}, "validation_split and subset together"),
        ({"subset": "all", "validation_split": 0.2}, "Expected subset to be one of"),
        (
            {"subset": "training", "validation_split": 0.2, "seed": None},
            "Expected a seed",
        ),
        ({"num_segments": 13}, "Expected num_segments"),
    ],
)
def test_bad_arguments(root, options, message):
    with pytest.raises(ValueError, match=message):
        make(root, **options)


def test_binary_is_of_two_classes(root, encode):
    encode("set/walk/0.mp4", codec="mpeg4", num_frames=30, height=40, width=48)
    with pytest.raises(ValueError, match="two classes"):
        make(root, label_mode="binary")
