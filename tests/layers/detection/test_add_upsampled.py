"""The top-down step of a feature pyramid."""

import numpy as np
import pytest

from offkeras.layers import AddUpsampled
from tests.support.helpers import array, random


@pytest.mark.parametrize("rows, columns", [(4, 6), (5, 7), (1, 2)])
def test_each_cell_is_added_to_four(rows, columns):
    fine = random(2, rows, columns, 3)
    coarse = random(2, -(-rows // 2), -(-columns // 2), 3)
    added = array(AddUpsampled()(fine, coarse))
    for row in range(rows):
        for column in range(columns):
            expected = fine[:, row, column] + coarse[:, row // 2, column // 2]
            np.testing.assert_allclose(added[:, row, column], expected, atol=1e-6)


def test_config():
    layer = AddUpsampled(name="top_down", dtype="float16")
    again = AddUpsampled.from_config(layer.get_config())
    assert again.name == "top_down" and again.dtype_policy.name == "float16"
