"""How long a clip takes, step by step: one clip at a time, as it comes to be tested."""

import time

import numpy as np
import tensorflow as tf

MOST_CLIPS = 8
REPEATS = 5


def of_input(videos, modality, o):
    """Milliseconds from the file to the frames of a clip.

    Args:
        videos: the `ClassFolder`; its first videos are read.
        modality: what is made of them.
        o: options with `size` and `total_segments`.

    Returns:
        `(frames, decode, make)`: the last clip `(1, T, size, size, C)`, and the
        medians of decoding, with the scaling of frames, and of what comes after:
        differences, flow, pooling, crops.
    """
    decode, make = videos.steps(
        modality=modality, num_segments=o.total_segments, size=o.size
    )
    took = []
    make(0, decode(0))  # imports and tables
    for index in range(min(len(videos), MOST_CLIPS)):
        start = time.perf_counter()
        decoded = decode(index)
        between = time.perf_counter()
        frames = make(index, decoded)
        took.append((between - start, time.perf_counter() - between))
    decoding, making = 1000 * np.median(took, axis=0)
    return tf.cast(frames, tf.float32)[None], float(decoding), float(making)


def of_network(forward, inputs):
    """Median milliseconds of a network.

    Args:
        forward: function from inputs to outputs.
        inputs: of one clip.
    """
    took = []
    for _ in range(1 + REPEATS):  # the first builds the graph
        start = time.perf_counter()
        tf.nest.map_structure(lambda x: x.numpy(), forward(inputs))
        took.append(time.perf_counter() - start)
    return 1000 * float(np.median(took[1:]))
