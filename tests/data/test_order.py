import pytest
import tensorflow as tf

from offkeras.data.order import (
    Stream,
    mapped,
    shuffled_indices,
    slice_batches,
)
from offkeras.data.pydataset.draws import CLIPS, CROPS, REFERENCES, RENDERED


def stream(initial_epoch=0, *, size=23, count=23, seed=5):
    dataset = shuffled_indices(Stream(seed, initial_epoch, 6), size, count)
    return [(int(epoch), int(index)) for epoch, index in dataset]


@pytest.mark.parametrize("size", [1, 2, 23, 1000])
def test_every_epoch_is_a_permutation(size):
    pairs = stream(size=size, count=size)
    for epoch in range(6):
        indices = [index for e, index in pairs if e == epoch]
        assert sorted(indices) == list(range(size))


def test_epochs_and_seeds_differ():
    pairs, others = stream(), stream(seed=6)
    orders = {tuple(i for e, i in pairs if e == epoch) for epoch in range(6)}
    orders |= {tuple(i for e, i in others if e == epoch) for epoch in range(6)}
    assert len(orders) == 12


@pytest.mark.parametrize("count", [23, 20])
def test_starting_late_gives_the_tail(count):
    full = stream(count=count)
    assert len(full) == 6 * count
    for epoch in range(6):
        assert stream(epoch, count=count) == full[epoch * count :]


@pytest.mark.parametrize("initial_epoch, epochs", [(-1, 2), (2, 2), (3, 2)])
def test_an_empty_range_of_epochs_is_refused(initial_epoch, epochs):
    with pytest.raises(ValueError, match="Expected 0 <= initial_epoch < epochs"):
        Stream(initial_epoch=initial_epoch, epochs=epochs)


@pytest.mark.parametrize("remote", [False, True])
def test_a_stream_that_ends_early_is_an_error(remote):
    """TensorFlow takes the end of a file for the end of a dataset."""

    def read(index):
        if index == 5:
            raise StopIteration
        return index

    def clip(index):
        return tf.numpy_function(read, [index], tf.int64)

    whole = mapped(tf.data.Dataset.range(5), clip, remote=remote)
    assert list(whole.as_numpy_iterator()) == [0, 1, 2, 3, 4]
    short = mapped(tf.data.Dataset.range(7), clip, remote=remote)
    with pytest.raises(tf.errors.OpError):
        list(short)


def test_a_slice_of_every_batch():
    pairs = stream()
    dataset = shuffled_indices(Stream(5, epochs=6), 23, 23)
    part, batch_size = slice_batches(dataset, 5, (1, 3))
    assert batch_size == 2 and len(part) == 2 * (6 * 23 // 5)
    # The incomplete last batch is dropped.
    expected = [pair for i, pair in enumerate(pairs[:135]) if i % 5 in (1, 2)]
    assert [(int(epoch), int(index)) for epoch, index in part] == expected


@pytest.mark.parametrize("worker_slice", [(-1, 2), (2, 2), (3, 6)])
def test_a_slice_outside_its_batch_is_refused(worker_slice):
    with pytest.raises(ValueError, match=r"start < stop <= 5. Received: \("):
        slice_batches(tf.data.Dataset.range(10), 5, worker_slice)


def test_draws_are_those_of_every_release():
    """A run that was begun with an older version goes on to the same bits."""
    order = [index for _, index in stream(size=12, count=6, seed=7)[:12]]
    assert order == [7, 6, 3, 8, 11, 0, 2, 7, 8, 6, 9, 1]
    purposes = (CLIPS, CROPS, RENDERED["test"], REFERENCES)
    keys = [Stream(7).key(purpose, 3, 5).numpy().tolist() for purpose in purposes]
    assert keys == [
        [1044181676, 5],
        [1191389273, 5],
        [396623707, 5],
        [-2139150664, 5],
    ]
