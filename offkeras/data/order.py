"""The order of training: permutations that can start at any epoch, and batches."""

import dataclasses
import itertools
import sys

import numpy as np
import tensorflow as tf

from offkeras.storage.remote import PARALLEL_READS


@dataclasses.dataclass(frozen=True)
class Stream:
    """Which epochs of training data to draw, and with which seed.

    Everything random in a sample is a function of (seed, epoch, index). So a run that
    starts at `initial_epoch=k` sees exactly what an uninterrupted run sees from epoch
    k on.

    Args:
        seed: integer, not negative; another seed gives other samples.
        initial_epoch: the first epoch.
        epochs: end of the stream, as in `fit`: the last epoch is `epochs - 1`. None:
            one epoch in every pass over the dataset, each the next one.
        worker_slice: `(start, stop)` of each global batch that this worker reads.
            Default: all.

    Raises:
        ValueError: unless `0 <= initial_epoch < epochs`.

    Example:

    ```python
    train = clips.train(Stream(seed=1, epochs=10), batch_size=32)
    ```
    """

    seed: int = 0
    initial_epoch: int = 0
    epochs: int | None = 1
    worker_slice: tuple | None = None

    def __post_init__(self):
        if not 0 <= self.initial_epoch < (self.epochs or sys.maxsize):
            raise ValueError(
                "Expected 0 <= initial_epoch < epochs. Received: "
                f"initial_epoch={self.initial_epoch}, epochs={self.epochs}."
            )

    def key(self, purpose, epoch, index):
        """Seed of everything random in one sample, an int32 tensor `(2,)`.

        Args:
            purpose: one of the numbers of `pydataset.draws`.
            epoch: integer tensor.
            index: integer tensor.
        """
        fold_in = tf.random.experimental.stateless_fold_in
        key = fold_in(tf.constant([self.seed, purpose], tf.int64), epoch)
        return fold_in(key, index)


def epoch_positions(stream, count):
    """Dataset of int64 `(epoch, position)`, `count` positions in every epoch."""
    if stream.epochs is None:
        return _epoch_of_the_pass(stream.initial_epoch, count)
    first, end = stream.initial_epoch * count, stream.epochs * count
    return tf.data.Dataset.range(first, end).map(lambda i: (i // count, i % count))


def _epoch_of_the_pass(first, count):
    """Positions of one epoch, in each pass over the dataset of the next one."""
    passes = itertools.count(first)

    def positions(_):
        epoch = tf.numpy_function(lambda: np.int64(next(passes)), [], tf.int64)
        return tf.data.Dataset.range(count).map(
            lambda position: (tf.ensure_shape(epoch, []), position)
        )

    dataset = tf.data.Dataset.range(1).flat_map(positions)
    return dataset.apply(tf.data.experimental.assert_cardinality(count))


def whole_batches(count, batch_size, unit):
    """Whole batches in an epoch.

    Args:
        count: items in an epoch.
        batch_size: items in a batch.
        unit: what the items are, for the error.

    Raises:
        ValueError: if there are fewer items than one batch.
    """
    if not 1 <= batch_size <= count:
        raise ValueError(
            f"Expected batch_size in 1..{count}, the number of {unit}. "
            f"Received: {batch_size}."
        )
    return count // batch_size


def shuffled_indices(stream, size, count):
    """Dataset of int64 `(epoch, index)`: a new permutation in every epoch.

    Args:
        stream: a `Stream`.
        size: items in the dataset.
        count: items taken in each epoch, the first of its permutation.
    """

    def shuffle(epoch, position):
        index = tf.random.experimental.index_shuffle(
            position, seed=[tf.cast(stream.seed, tf.int64), epoch], max_index=size - 1
        )
        return epoch, index

    return epoch_positions(stream, count).map(shuffle)


def slice_batches(elements, batch_size, worker_slice):
    """The elements that this worker reads of each batch, and how many they are.

    Args:
        elements: dataset, before its elements cost anything.
        batch_size: elements in a batch; an incomplete last one is dropped.
        worker_slice: see `Stream`.

    Returns:
        `(elements, batch_size)` of this worker.

    Raises:
        ValueError: unless `0 <= start < stop <= batch_size`.
    """
    if worker_slice is None:
        return elements, batch_size
    start, stop = worker_slice
    if not 0 <= start < stop <= batch_size:
        raise ValueError(
            "Expected worker_slice (start, stop) with 0 <= start < stop <= "
            f"{batch_size}. Received: {worker_slice}."
        )

    def take(*batch):
        return tuple(items[start:stop] for items in batch)

    batches = elements.batch(batch_size, drop_remainder=True).map(take)
    return batches.unbatch(), stop - start


def mapped(elements, clip, *, remote=False):
    """Maps elements through `clip` in parallel, in order, and loses nothing.

    Args:
        elements: dataset of a known length.
        clip: function of an element.
        remote: whether `clip` waits for the network: then many run at a time.

    Returns:
        A dataset of as many elements; one that ends early ends in an error.
    """
    calls = PARALLEL_READS if remote else tf.data.AUTOTUNE
    clips = elements.map(clip, num_parallel_calls=calls, deterministic=True)
    count = tf.data.experimental.assert_cardinality(elements.cardinality())
    clips = clips.apply(count)
    if remote:
        options = tf.data.Options()
        options.threading.private_threadpool_size = PARALLEL_READS
        clips = clips.with_options(options)
    return clips


def train_batches(stream, elements, clip, batch_size, *, remote=False, outputs=None):
    """Batches to train on: `elements` of `stream`, mapped through `clip`.

    Args:
        stream: a `Stream`; of every batch its `worker_slice` is read.
        elements: dataset of `(epoch, index)`.
        clip: function of them to `(frames, target)`.
        batch_size: samples in a global batch.
        remote: see `mapped`.
        outputs: names of the outputs that have the target, such as `model.output`:
            then every batch is `({"frames": frames}, {output: target, ...})`.
    """
    elements, batch_size = slice_batches(elements, batch_size, stream.worker_slice)
    samples = mapped(elements, clip, remote=remote)
    return _for_fit(samples.batch(batch_size, drop_remainder=True), outputs)


def evaluation_batches(count, clip, batch_size, *, remote=False, outputs=None):
    """Batches of every sample once, in order; the last one may be smaller.

    Takes the arguments of `train_batches`, and `clip` is a function of the index.
    """
    samples = mapped(tf.data.Dataset.range(count), clip, remote=remote)
    return _for_fit(samples.batch(batch_size), outputs)


def _for_fit(batches, outputs):
    """`(frames, target)` as a model with named inputs and outputs takes it in `fit`."""
    if outputs is not None:
        names = tuple(outputs)
        batches = batches.map(
            lambda frames, target: ({"frames": frames}, dict.fromkeys(names, target))
        )
    return batches.prefetch(tf.data.AUTOTUNE)
