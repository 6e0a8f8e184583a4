import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from offkeras.data import VideoPyDataset, video_dataset_from_directory

SHAPE = dict(image_size=(32, 32), num_segments=3, seed=3, verbose=False)
SPLIT = dict(validation_split=0.4)


@pytest.fixture
def root(encode, tmp_path):
    for name, count in {"jump": 3, "run": 4}.items():
        for i in range(count):
            encode(
                f"set/{name}/{i}.mp4",
                codec="mpeg4",
                num_frames=20 + 7 * i,
                height=40 + 8 * i,
                width=56,
            )
    return tmp_path / "set"


def assert_same_batches(ours, expected):
    expected = list(expected.as_numpy_iterator())
    assert len(ours) == len(expected)
    for batch, other in zip(ours, expected, strict=True):
        for array, one in zip(batch, other, strict=True):
            np.testing.assert_array_equal(array, one)
            assert array.dtype == one.dtype


def test_the_batches_of_the_tf_dataset(root):
    """Of three epochs: their order, their frames, their crops."""
    options = dict(SHAPE, batch_size=3)
    ours = VideoPyDataset(root, **options)
    theirs = video_dataset_from_directory(root, **options)
    assert ours.class_names == theirs.class_names
    assert ours.file_paths == theirs.file_paths
    for _ in range(3):
        assert_same_batches(ours, theirs)
        ours.on_epoch_end()


def test_label_modes(root):
    for mode in ("categorical", "binary", None):
        options = dict(SHAPE, label_mode=mode, shuffle=False)
        theirs = video_dataset_from_directory(root, **options)
        assert_same_batches(VideoPyDataset(root, **options), theirs)


@pytest.mark.parametrize("options", [{"shuffle": False}, {**SPLIT, "subset": True}])
def test_held_out_videos_are_in_order(root, options):
    for subset in ("training", "validation"):
        chosen = {"subset": subset} if "subset" in options else {}
        options = {**SHAPE, "batch_size": 2, **options, **chosen}
        ours = VideoPyDataset(root, **options)
        theirs = video_dataset_from_directory(root, **options)
        assert ours.file_paths == theirs.file_paths
        assert_same_batches(ours, theirs)


@pytest.mark.parametrize(
    "options", [{}, {"workers": 2, "max_queue_size": 2}], ids=["alone", "threads"]
)
def test_an_epoch_of_fit_is_an_epoch(root, options):
    """However many workers there are. Keras may make a pass to build a model."""
    videos = VideoPyDataset(root, batch_size=7, **SHAPE, **options)
    seen = []

    class Sums(keras.Model):
        def train_step(self, data):
            seen.append(int(keras.ops.sum(keras.ops.cast(data[0], "int32"))))
            return {"loss": keras.ops.zeros(())}

    model = Sums()
    model.compile(run_eagerly=True)
    model.fit(videos, epochs=2, verbose=0)
    assert videos.workers == options.get("workers", 1)
    again, expected = VideoPyDataset(root, batch_size=7, **SHAPE), []
    for _ in range(3):
        expected.append(int(again[0][0].astype(int).sum()))
        again.on_epoch_end()
    assert len({*expected}) == 3 and seen in (expected[:2], expected[1:])


PROGRAM = """
import sys
import numpy as np
import keras
import offkeras
from offkeras import data
from tests.support.recognizer import toy_backbone

split = dict(image_size=(32, 32), num_segments=3, seed=0, validation_split=0.4)
train = data.VideoPyDataset(sys.argv[1], subset="training", batch_size=2, **split)
held_out = data.VideoPyDataset(sys.argv[1], subset="validation", **split)
model = offkeras.VideoClassifier(
    toy_backbone(), class_names=train.class_names, num_segments=3, filters=8
)
history = model.fit(train, validation_data=held_out, epochs=2, verbose=0).history
assert np.isfinite(history["val_loss"]).all() and len(history["loss"]) == 2
found = model.evaluate(held_out, verbose=0, return_dict=True)
assert np.isclose(found["loss"], history["val_loss"][-1], rtol=1e-4)
assert model.predict(held_out, verbose=0).shape == (len(held_out.file_paths), 2)
# Keras itself imports it, where it is installed, when a model is written.
assert "tensorflow" not in sys.modules
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_other_backends_train_on_it_without_tensorflow(root, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(root)],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"subset": "both", **SPLIT}, "Expected subset to be one of"),
        ({"subset": "training"}, "validation_split and subset together"),
        ({"num_segments": 13}, "Expected num_segments in 1..12"),
        ({"label_mode": "text"}, "Expected label_mode to be one of"),
        ({"on_error": "stop"}, "on_error"),
        ({"class_names": ["jump"]}, "run is not among the class_names"),
    ],
)
def test_bad_arguments(root, options, message):
    with pytest.raises(ValueError, match=message):
        VideoPyDataset(root, **{**SHAPE, **options})
