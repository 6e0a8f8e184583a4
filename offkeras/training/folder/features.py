"""What a fixed backbone makes of every clip, computed once and kept on disk."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from offkeras.data.order import shuffled_indices, train_batches
from offkeras.storage.writing import write_text

GIB = 2**30
SAVED_EVERY = 8  # clips


def bytes_of_a_view(extract, num_segments):
    """Bytes of the features of one view of a clip."""
    return sum(2 * np.prod(shape) for shape in _shapes(extract, num_segments).values())


def keep(folder, extract, clips, *, shape, about):
    """Features of clips, of which those that are on disk already are not computed.

    They are kept in half precision, which the heads do not notice.

    Args:
        folder: where they go.
        extract: model from `{"frames"}` to a dict of features.
        clips: dataset of frames `(views, segments, H, W, C)`, a clip each.
        shape: `(clips, views, segments)`.
        about: all that the features depend on, as JSON can say it. Features of
            something else are replaced.

    Returns:
        Dict of arrays `(clips, views, segments, ...)` on disk.

    Raises:
        OSError: if the disk is full.
    """
    folder, (count, views, segments) = Path(folder), shape
    shapes = _shapes(extract, segments)
    arrays, done = _open(folder, shapes, (count, views), about)
    if done == count:
        return arrays
    forward = tf.function(
        lambda frames: extract({"frames": frames}, training=False), autograph=False
    )
    progress = keras.utils.Progbar(count, unit_name="video")
    progress.update(done)
    for index, frames in enumerate(clips.skip(done), start=done):
        # One clip at a time: its features do not depend on where a run began.
        for name, features in forward(tf.cast(frames, tf.float32)).items():
            arrays[name][index] = features.numpy()
        if (index + 1) % SAVED_EVERY == 0 or index + 1 == count:
            for array in arrays.values():
                array.flush()
            write_text(folder / "done.json", json.dumps(index + 1))
        progress.add(1)
    return arrays


def _open(folder, shapes, outer, about):
    """The arrays, and how many of their clips are done."""
    about = json.loads(json.dumps(about))
    told, done = folder / "about.json", folder / "done.json"
    files = {name: folder / f"{name}.npy" for name in shapes}
    if (
        done.exists()
        and all(file.exists() for file in files.values())
        and json.loads(told.read_text("utf-8")) == about
    ):
        arrays = {name: np.load(file, mmap_mode="r+") for name, file in files.items()}
        return arrays, json.loads(done.read_text("utf-8"))
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    needed = sum(2 * np.prod((*outer, *shape)) for shape in shapes.values())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"{folder} needs {needed / GIB:.1f} GiB for the features of "
            f"{outer[0]} clips. Free there: {free / GIB:.1f} GiB."
        )
    arrays = {
        name: np.lib.format.open_memmap(
            folder / f"{name}.npy", "w+", np.float16, (*outer, *shape)
        )
        for name, shape in shapes.items()
    }
    write_text(told, json.dumps(about))
    write_text(done, "0")
    return arrays, 0


def _shapes(extract, segments):
    # (B, T, ...) -> (T, ...)
    return {
        name: (segments, *output.shape[2:]) for name, output in extract.output.items()
    }


def train_dataset(features, labels, weights, stream, batch_size, outputs):
    """Shuffled features; an epoch passes over all views of all clips.

    Args:
        features: dict of arrays `(clips, views, ...)`.
        labels: of the clips.
        weights: of their losses.
        stream: a `Stream`.
        batch_size: views in a batch; each epoch drops its incomplete last one.
        outputs: names of the outputs that have a loss.

    Returns:
        `tf.data.Dataset` of `(features, {output: labels}, {output: weights})`.
    """
    names = tuple(features)
    clips, views = features[names[0]].shape[:2]
    labels, weights = tf.constant(labels), tf.constant(weights, tf.float32)

    def read(index):
        return [features[name][divmod(index, views)] for name in names]

    def view(_, index):
        arrays = tf.numpy_function(read, [index], [tf.float16] * len(names))
        shaped = {
            name: tf.ensure_shape(array, features[name].shape[2:])
            for name, array in zip(names, arrays, strict=True)
        }
        return shaped, (labels[index // views], weights[index // views])

    count = clips * views // batch_size * batch_size
    batches = train_batches(
        stream, shuffled_indices(stream, clips * views, count), view, batch_size
    )
    return batches.map(
        lambda x, target: (
            x,
            dict.fromkeys(outputs, target[0]),
            dict.fromkeys(outputs, target[1]),
        )
    )


def scores_of(heads, features, batch_size=16):
    """Logits of every output, of the first view of each clip.

    Args:
        heads: function from features to a dict of logits.
        features: dict of arrays `(clips, views, ...)`.
        batch_size: clips in a forward pass.

    Returns:
        Dict of arrays `(clips, classes)`.
    """
    count = len(next(iter(features.values())))
    batches = [
        heads({n: tf.constant(f[i : i + batch_size, 0]) for n, f in features.items()})
        for i in range(0, count, batch_size)
    ]
    return {
        name: np.concatenate([batch[name].numpy() for batch in batches])
        for name in batches[0]
    }
