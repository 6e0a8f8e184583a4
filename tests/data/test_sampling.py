import numpy as np
import pytest

from offkeras.data import sampling

BETA = 25


def paper_interval(length):
    return length // BETA if length >= BETA else 1


@pytest.mark.parametrize("alpha", [3, 7])
def test_paper_indices_follow_section_4_2_3(alpha):
    for length in range(1, 401):
        d = paper_interval(length)
        room = length - 1 - (alpha - 1) * d  # the paper's largest p
        for index in range(20):
            indices = sampling.train_indices(length, num_segments=alpha, index=index)
            p = indices[0]
            assert 0 <= p <= max(room, 0)
            expected = [min(p + i * d, length - 1) for i in range(alpha)]
            assert indices.tolist() == expected
            assert indices.dtype == np.int64
        tested = sampling.evaluation_indices(length)
        assert tested.tolist() == [min(i * d, length - 1) for i in range(BETA)]


@pytest.mark.parametrize("length", [30, 90, 199])
def test_the_frame_seed_is_uniform_over_its_whole_range(length):
    room = length - 1 - 6 * paper_interval(length)
    draws = 100 * (room + 1)
    counts = np.zeros(room + 1)
    for index in range(draws):
        counts[sampling.train_indices(length, index=index)[0]] += 1
    # Chi-squared has mean `room` and standard deviation sqrt(2 room).
    chi_squared = np.sum((counts - 100) ** 2 / 100)
    assert counts.min() > 0
    assert abs(chi_squared - room) < 5 * np.sqrt(2 * room)


@pytest.mark.parametrize("length", [25, 100, 333])
def test_training_and_testing_have_the_same_interval(length):
    trained = np.diff(sampling.train_indices(length, epoch=3))
    tested = np.diff(sampling.evaluation_indices(length))
    assert set(trained) == set(tested) == {length // BETA}


@pytest.mark.parametrize("frames_per_segment", [2, 6])
def test_every_segment_has_room_for_its_frames(frames_per_segment):
    for length in range(1, 200):
        for scheme in sampling.SCHEMES:
            options = {"frames_per_segment": frames_per_segment, "scheme": scheme}
            trained = sampling.train_indices(length, index=length, **options)
            tested = sampling.evaluation_indices(length, **options)
            for indices in (trained, tested):
                assert indices.min() >= 0
                assert indices.max() <= max(length - frames_per_segment, 0)


@pytest.mark.parametrize("scheme", sampling.SCHEMES)
@pytest.mark.parametrize("alpha", [3, 7])
@pytest.mark.parametrize("frames_per_segment", [1, 5, 6])
def test_all_frames_of_all_segments_lie_in_the_video(frames_per_segment, alpha, scheme):
    """Section 4.2.3 by brute force for segments of several frames."""
    options = {"frames_per_segment": frames_per_segment, "scheme": scheme}
    for length in range(1, 401):
        last = max(length - frames_per_segment, 0)  # where a segment can begin
        trained = sampling.train_indices(
            length, num_segments=alpha, index=length, **options
        )
        tested = sampling.evaluation_indices(length, **options)
        if scheme == "paper":
            d = paper_interval(length)
            starts = range(max(last - (alpha - 1) * d, 0) + 1)
            possible = [[min(p + i * d, last) for i in range(alpha)] for p in starts]
            assert trained.tolist() in possible
            assert tested.tolist() == [min(i * d, last) for i in range(BETA)]
        for firsts in (trained, tested):
            frames = sampling.segment_indices(
                firsts, length=length, frames_per_segment=frames_per_segment
            )
            assert frames.shape == (len(firsts), frames_per_segment)
            for first, segment in zip(firsts, frames.tolist(), strict=True):
                expected = list(range(first, first + frames_per_segment))
                if length < frames_per_segment:  # the last frame is repeated
                    expected = [min(i, length - 1) for i in expected]
                assert segment == expected
                assert set(segment) <= set(range(length))


def test_draws_depend_on_seed_epoch_and_index_only():
    def draw(**key):
        return tuple(sampling.train_indices(1000, **key))

    assert draw(seed=1, epoch=2, index=3) == draw(seed=1, epoch=2, index=3)
    keys = [
        dict(seed=s, epoch=e, index=i) for s in (0, 1) for e in (0, 1) for i in (0, 1)
    ]
    assert len({draw(**key) for key in keys}) == len(keys)


@pytest.mark.parametrize("new_length", [1, 5, 6])
def test_released_scheme_stays_within_what_the_code_can_draw(new_length):
    options = {"frames_per_segment": new_length, "scheme": "released"}
    for length in range(new_length, 300):
        average = (length - new_length) // 24
        tested = sampling.evaluation_indices(length, **options)
        expected = [min(1 + i * average, length - new_length) for i in range(25)]
        assert tested.tolist() == expected

        firsts, jitters = set(), set()
        for epoch in range(60 if length % 50 == 0 else 5):
            drawn = sampling.train_indices(length, epoch=epoch, **options)
            if average == 0:
                assert drawn.tolist() == [0] * 7
                continue
            # Some s0 in 0..16 must explain all offsets at once.
            explained = []
            for s0 in range(17):
                jitter = drawn - (s0 + np.arange(7)) * average
                clamped = drawn == length - new_length
                if average <= new_length:
                    fits = (jitter == 1) | (clamped & (jitter <= 1))
                else:
                    fits = (jitter >= 0) & (jitter <= average - new_length)
                if fits.all():
                    explained.append(s0)
                    jitters.update(jitter)
            assert explained
            firsts.update(explained)
        if length == 250:
            assert len(firsts) >= 15  # of 17
            if average > new_length:
                assert set(range(average - new_length + 1)) <= jitters


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"length": 0}, "Expected length >= 1. Received: 0"),
        ({"length": 9, "num_segments": 0}, "Expected num_segments in 1..25"),
        ({"length": 9, "num_segments": 26}, "Expected num_segments in 1..25"),
        (
            {"length": 9, "num_segments": 24, "scheme": "released"},
            "Expected num_segments in 1..23",
        ),
        ({"length": 9, "frames_per_segment": 0}, "Expected frames_per_segment >= 1"),
        ({"length": 9, "total_segments": 0}, "Expected total_segments >= 1"),
        ({"length": 9, "scheme": "dense"}, "Expected scheme in"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        sampling.train_indices(**arguments)
