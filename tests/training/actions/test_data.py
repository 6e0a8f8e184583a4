"""What is said of the data before a training."""

import pytest

from offkeras.training.actions.data import mirrored_pair


@pytest.mark.parametrize(
    "names, pair",
    [
        (("run", "walk_left", "walk_right"), ("walk_left", "walk_right")),
        (("Left", "right"), ("Left", "right")),
        (("left", "right"), ("left", "right")),
        (("left_handed", "walk"), None),
        (("pan_right", "zoom_in"), None),
    ],
)
def test_classes_that_a_mirror_exchanges_are_noticed(names, pair):
    assert mirrored_pair(names) == pair
