"""What TensorFlow draws from a seed, drawn without it, to the bit.

Philox 4x32-10 (Salmon et al. 2011) behind `tf.random.stateless_uniform`, and the
cycle-walking Simon cipher (Beaulieu et al. 2013) behind
`tf.random.experimental.index_shuffle`.
"""

import numpy as np

# Second number of a key: what is drawn for one purpose never meets another's draws.
CLIPS, CROPS, REFERENCES = 0, 1, 3
RENDERED = {"train": 0, "validation": 1, "test": 2}

WORD = 2**32 - 1
MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
WEYL = 0x9E3779B9, 0xBB67AE85  # added to the key in every round
SCRAMBLING_KEY = 0x3EC8F720, 0x02461E29  # TensorFlow's, for seeds
SHUFFLE_PREFIX = 498247692  # TensorFlow's, before the two numbers of a seed


def philox(counter, key):
    """Four random words of 32 bits.

    Args:
        counter: four integers of 32 bits.
        key: two of them.
    """
    a, b, c, d = counter
    for number in range(10):
        k, j = ((key[i] + number * WEYL[i]) & WORD for i in (0, 1))
        left, right = MULTIPLIERS[0] * a, MULTIPLIERS[1] * c
        a, b, c, d = right >> 32 ^ b ^ k, right & WORD, left >> 32 ^ d ^ j, left & WORD
    return a, b, c, d


def _words(seed):
    """Four words that follow from a seed, two integers of up to 64 bits."""
    counter = [part >> shift & WORD for part in seed for shift in (0, 32)]
    a, b, c, d = philox(counter, SCRAMBLING_KEY)
    return philox((0, 0, c, d), (a, b))


def fold_in(seed, data, *, bits=64):
    """A seed of its own for `data`, as `tf.random.experimental.stateless_fold_in`.

    Args:
        seed: two integers.
        data: an integer.
        bits: 64 or 32, of the type of `data` in TensorFlow.
    """
    low, high, _, _ = _words(seed)
    drawn = low | high << 32 if bits == 64 else low
    sign = 1 << bits - 1
    return (drawn ^ sign) - sign, data


def uniform(seed):
    """Two numbers in [0, 1), as `tf.random.stateless_uniform([2], seed)`."""
    mantissas = np.array(_words(seed)[:2], np.uint32) & np.uint32(2**23 - 1)
    return mantissas.astype(np.float32) * np.float32(2**-23)


def shuffled(index, seed, max_index):
    """Where a permutation of 0..max_index puts `index`, as `index_shuffle`.

    Args:
        index: integer.
        seed: two integers, a permutation each.
        max_index: integer.
    """
    if max_index == 0:
        return 0
    # Half of a block that holds max_index; 2**n itself is found by walking on.
    width = max((int(np.ceil(np.log2(max_index))) + 1) // 2, 8)
    word = (1 << width) - 1

    def turned(x, by):  # to the left
        return (x << by % width | x >> -by % width) & word

    def mixed(x):
        return turned(x, 1) & turned(x, 8) ^ turned(x, 2)

    keys = [part & WORD & word for part in (SHUFFLE_PREFIX, *seed)]
    keys.append(
        0xFFFFFFFC & word ^ 1 ^ keys[0] ^ turned(keys[2], -3) ^ turned(keys[2], -4)
    )
    while True:
        left, right = index >> width & word, index & word
        for first, second in (keys[:2], keys[2:]):
            left ^= mixed(right) ^ first
            right ^= mixed(left) ^ second
        index = left << width | right
        if index <= max_index:
            return index
