"""Which frames of a video make a clip: Sun et al., section 4.2.3.

Pure functions of (length, seed, epoch, index): a killed run that resumes samples
the same frames.
"""

import numpy as np

SCHEMES = ("paper", "released")


def train_indices(
    length,
    *,
    num_segments=7,
    total_segments=25,
    frames_per_segment=1,
    seed=0,
    epoch=0,
    index=0,
    scheme="paper",
):
    """First frame of each training segment.

    With `L = length`, `α = num_segments` and `β = total_segments`, the paper's
    frames are `p + i d`, i = 0..α-1, with the interval `d = floor(L / β)` and the
    frame seed p uniform in {0, ..., L - 1 - (α - 1) d}: training sees the same
    Δt as testing.

    Short videos: the interval is at least 1 (with 0 every temporal gradient would
    be zero); p is 0 where its range is empty; an index past the end becomes the
    last one that leaves `frames_per_segment` frames. A video shorter than
    `frames_per_segment` gives zeros: `segment_indices` repeats its last frame.

    Args:
        length: number of frames in the video, or of its flow fields, L.
        num_segments: segments in a clip, α.
        total_segments: segments in a video, β.
        frames_per_segment: consecutive frames that begin at each index: 1 for RGB,
            6 for five RGB differences, 5 flow fields.
        seed: seed of the run, not negative.
        epoch: epoch number, from 0.
        index: index of the video in the dataset.
        scheme: `"paper"`, or `"released"` for what the authors' code does: α
            consecutive of β parts of `floor((L - frames_per_segment) / (β - 1))`
            frames, with a random offset inside each part, so Δt varies.

    Returns:
        int64 array `(num_segments,)` of 0-based frame indices.

    Raises:
        ValueError: if the video has no frames or an argument is out of range.
    """
    _check(length, total_segments, frames_per_segment, scheme)
    spare = 2 if scheme == "released" else 0  # the released code draws below β-α-1
    if not 1 <= num_segments <= total_segments - spare:
        raise ValueError(
            f"Expected num_segments in 1..{total_segments - spare} with total_segments="
            f"{total_segments} and scheme={scheme!r}. Received: {num_segments}."
        )
    bits = np.random.Philox(np.random.SeedSequence([seed, epoch, index]))
    rng = np.random.Generator(bits)
    last = max(length - frames_per_segment, 0)
    steps = np.arange(num_segments)
    if scheme == "paper":
        interval = max(length // total_segments, 1)
        start = rng.integers(max(last - (num_segments - 1) * interval, 0) + 1)
        return np.minimum(start + steps * interval, last)

    average = last // (total_segments - 1)
    if average == 0:
        return np.zeros(num_segments, np.int64)
    first = rng.integers(total_segments - num_segments - 1)
    if average > frames_per_segment:
        jitter = rng.integers(average - frames_per_segment + 1, size=num_segments)
    else:
        jitter = 1
    return np.minimum(jitter + (first + steps) * average, last)


def evaluation_indices(
    length, *, total_segments=25, frames_per_segment=1, scheme="paper"
):
    """First frame of each test segment: evenly spaced over the whole video.

    The paper's frames are `i d`, i = 0..β-1, with the interval of training; the
    released code takes `1 + i floor((L - frames_per_segment) / (β - 1))`. Short
    videos follow the rules of `train_indices`.

    Args:
        length: number of frames in the video.
        total_segments: segments in a video, β.
        frames_per_segment: consecutive frames that begin at each index.
        scheme: `"paper"` or `"released"`.

    Returns:
        int64 array `(total_segments,)` of 0-based frame indices.

    Raises:
        ValueError: if the video has no frames or an argument is out of range.
    """
    _check(length, total_segments, frames_per_segment, scheme)
    last = max(length - frames_per_segment, 0)
    steps = np.arange(total_segments)
    if scheme == "paper":
        indices = steps * max(length // total_segments, 1)
    else:
        indices = 1 + steps * (last // (total_segments - 1))
    return np.minimum(indices, last)


def segment_indices(starts, *, length, frames_per_segment):
    """The frames of every segment, from `train_indices` or `evaluation_indices`.

    Args:
        starts: first frame of each segment.
        length: number of frames in the video.
        frames_per_segment: consecutive frames of a segment. In a video that is
            shorter, the last frame stands for those that are missing.

    Returns:
        int64 array `(segments, frames_per_segment)` of frame indices in the video.
    """
    indices = np.asarray(starts)[:, None] + np.arange(frames_per_segment)
    return np.minimum(indices, length - 1)


def _check(length, total_segments, frames_per_segment, scheme):
    if scheme not in SCHEMES:
        raise ValueError(f"Expected scheme in {SCHEMES}. Received: {scheme!r}.")
    least = 2 if scheme == "released" else 1
    for name, value, minimum in (
        ("length", length, 1),
        ("total_segments", total_segments, least),
        ("frames_per_segment", frames_per_segment, 1),
    ):
        if value < minimum:
            raise ValueError(f"Expected {name} >= {minimum}. Received: {value}.")
