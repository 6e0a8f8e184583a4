"""The order of training: permutations that can start at any epoch, and batches."""

import tensorflow as tf

from offkeras.data.storage import PARALLEL_READS


def epoch_positions(count, *, initial_epoch, epochs):
    """Dataset of int64 `(epoch, position)`, `count` positions in every epoch.

    Args:
        count: positions in an epoch.
        initial_epoch: first epoch.
        epochs: end of the stream; starting later gives exactly its tail.

    Raises:
        ValueError: unless `0 <= initial_epoch < epochs`.
    """
    if not 0 <= initial_epoch < epochs:
        raise ValueError(
            "Expected 0 <= initial_epoch < epochs. "
            f"Received: initial_epoch={initial_epoch}, epochs={epochs}."
        )
    stream = tf.data.Dataset.range(initial_epoch * count, epochs * count)
    return stream.map(lambda i: (i // count, i % count))


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


def shuffled_indices(size, *, count, seed, initial_epoch, epochs):
    """Dataset of int64 `(epoch, index)`: a new permutation in every epoch.

    Args:
        size: items in the dataset.
        count: items taken in each epoch, the first of its permutation.
        seed: integer; another seed gives other permutations.
        initial_epoch: first epoch.
        epochs: end of the stream; starting later gives exactly its tail.
    """

    def shuffle(epoch, position):
        index = tf.random.experimental.index_shuffle(
            position, seed=[tf.cast(seed, tf.int64), epoch], max_index=size - 1
        )
        return epoch, index

    stream = epoch_positions(count, initial_epoch=initial_epoch, epochs=epochs)
    return stream.map(shuffle)


def part_of_batches(stream, batch_size, part):
    """The elements that are in a part of their batch, in order.

    Args:
        stream: dataset of elements, before they cost anything.
        batch_size: elements in a batch; an incomplete last one is dropped.
        part: `(first, end)`, positions in a batch.

    Raises:
        ValueError: unless `0 <= first < end <= batch_size`.
    """
    first, end = part
    if not 0 <= first < end <= batch_size:
        raise ValueError(
            f"Expected part (first, end) with 0 <= first < end <= {batch_size}. "
            f"Received: {part}."
        )

    def take(*batch):
        return tuple(elements[first:end] for elements in batch)

    return stream.batch(batch_size, drop_remainder=True).map(take).unbatch()


def mapped(stream, clip, *, remote=False):
    """Maps a stream through `clip` in parallel, in order, and loses nothing.

    Args:
        stream: dataset of a known length.
        clip: function of an element.
        remote: whether `clip` waits for the network: then many run at a time.

    Returns:
        A dataset of as many elements; one that ends early ends in an error.
    """
    calls = PARALLEL_READS if remote else tf.data.AUTOTUNE
    clips = stream.map(clip, num_parallel_calls=calls, deterministic=True)
    clips = clips.apply(tf.data.experimental.assert_cardinality(stream.cardinality()))
    if remote:
        options = tf.data.Options()
        options.threading.private_threadpool_size = PARALLEL_READS
        clips = clips.with_options(options)
    return clips


def batches(stream, clip, batch_size, *, drop_remainder, remote=False, part=None):
    """Batches of a stream mapped through `clip`, or their `part`; see `mapped`."""
    if part is not None:
        stream = part_of_batches(stream, batch_size, part)
        batch_size = part[1] - part[0]
    clips = mapped(stream, clip, remote=remote)
    return clips.batch(batch_size, drop_remainder=drop_remainder).prefetch(
        tf.data.AUTOTUNE
    )
