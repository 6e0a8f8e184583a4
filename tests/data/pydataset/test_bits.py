"""What is drawn, scaled and cropped without TensorFlow, against TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from offkeras.data import augment, resize
from offkeras.data.order import Stream
from offkeras.data.pydataset import crops, draws
from offkeras.data.pydataset import resize as plain

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("seed", [0, 7, 2**31 - 2])
def test_keys_and_draws(seed):
    for epoch, index in ((0, 0), (2, 5), (9, 100_000)):
        key = Stream(seed).key(draws.CLIPS, *np.int64([epoch, index]))
        ours = draws.fold_in(draws.fold_in((seed, draws.CLIPS), epoch), index)
        assert ours == tuple(key.numpy())
        key = tf.random.experimental.stateless_fold_in(key, 1)
        ours = draws.fold_in(ours, 1, bits=32)
        assert ours == tuple(key.numpy())
        expected = tf.random.stateless_uniform([2], key)
        np.testing.assert_array_equal(draws.uniform(ours), expected)


@pytest.mark.parametrize("last", [0, 1, 22, 256, 65536, 70_000, 300_000])
def test_permutations(last):
    for seed in ((0, 0), (3, 1), (2**31 - 2, 7)):
        for index in {0, last, *RNG.integers(0, last + 1, 5).tolist()}:
            expected = tf.random.experimental.index_shuffle(
                np.int64(index), seed=np.int64(seed), max_index=np.int64(last)
            )
            assert draws.shuffled(index, seed, last) == int(expected)


def test_resize():
    for _ in range(20):
        height, width, *size = RNG.integers(4, 160, 4).tolist()
        frames = RNG.integers(0, 256, (2, height, width, 3), np.uint8)
        expected = resize.resize(frames, size)
        np.testing.assert_array_equal(plain.resize(frames, size), expected)
    with pytest.raises(ValueError, match="once scaled, exceeds"):
        plain.shorter_side(np.zeros((1, 90_000, 3), np.uint8), 112)


@pytest.mark.parametrize("shape", [(60, 47), (31, 96), (64, 64)])
def test_crops(shape):
    frames = RNG.integers(0, 256, (2, *shape, 3), np.uint8)
    for number in range(8):
        how = dict(size=48, scales=(1, 0.875, 0.75, 0.66), seed=(number, -5))
        np.testing.assert_array_equal(
            crops.multi_scale_crop(frames, **how),
            augment.multi_scale_crop(frames, **how),
        )
    np.testing.assert_array_equal(
        crops.center_crop(crops.evaluation_size(frames, 32), 32),
        augment.center_crop(frames, 32),
    )
