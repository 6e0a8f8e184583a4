import numpy as np
import pytest

from offkeras.inference.film.stretches import divide

STEP = 0.16  # seconds


def windows(labels, certain=0.8):
    """Probabilities of three classes, `certain` for the label of each window."""
    rest = (1 - certain) / 2
    return np.full((len(labels), 3), rest) + (certain - rest) * np.eye(3)[list(labels)]


def stretches(labels, *, smooth=1.0, shortest=1.0, **options):
    times = 10 + STEP * np.arange(len(labels))
    found = divide(
        times[0] - 0.4,
        times[-1] + 0.4,
        times,
        windows(labels, **options),
        smooth=smooth,
        shortest=shortest,
    )
    assert found[0].start == times[0] - 0.4 and found[-1].end == times[-1] + 0.4
    assert [s.end for s in found[:-1]] == [s.start for s in found[1:]]
    return found


def test_one_label_is_one_stretch():
    (found,) = stretches([1] * 9)
    assert found.label == 1
    np.testing.assert_allclose(found.probabilities, [0.1, 0.8, 0.1])


def test_a_label_that_changes_for_good_divides():
    first, second = stretches([0] * 12 + [2] * 12)
    assert (first.label, second.label) == (0, 2)
    assert first.end == pytest.approx(10 + 11.5 * STEP)  # halfway between two windows
    np.testing.assert_allclose(second.probabilities, [0.1, 0.1, 0.8])


def test_what_flickers_does_not_divide():
    labels = [0, 0, 0, 1, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0]
    (found,) = stretches(labels)
    assert found.label == 0
    np.testing.assert_allclose(found.probabilities, windows(labels).mean(axis=0))
    raw = stretches(labels, smooth=0, shortest=0)
    assert [s.label for s in raw] == [0, 1, 0, 2, 0]


def test_a_short_stretch_goes_to_the_likelier_neighbour():
    times = STEP * np.arange(30)
    probabilities = windows([0] * 13 + [1] * 4 + [2] * 13)
    probabilities[13:17] = [0.1, 0.5, 0.4]
    options = dict(smooth=0, shortest=1.0)
    first, second = divide(0, times[-1], times, probabilities, **options)
    assert (first.label, second.label) == (0, 2)
    assert first.end == pytest.approx(12.5 * STEP)


def test_the_ends_of_a_shot_count_for_its_stretches():
    """Four windows are half a second, and 0.4 s of the shot are before the first."""
    found = stretches([0] * 4 + [1] * 12, smooth=0, shortest=0.9)
    assert [s.label for s in found] == [0, 1]
    found = stretches([0] * 4 + [1] * 12, smooth=0, shortest=1.0)
    assert [s.label for s in found] == [1]
