import numpy as np
import pytest

from offkeras.weights import cross_modality_kernel
from tests.support.helpers import random


@pytest.mark.parametrize("channels", [10, 15])
def test_equals_the_sum_over_rgb(channels):
    """Each new channel carries a third of R, G and B together."""
    kernel = random(7, 7, 3, 4)
    ours = cross_modality_kernel(kernel, channels)
    assert ours.shape == (7, 7, channels, 4)
    for channel in range(channels):
        expected = (kernel[..., 0, :] + kernel[..., 1, :] + kernel[..., 2, :]) / 3
        np.testing.assert_allclose(ours[..., channel, :], expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(7, 7, 10, 64), (7, 7, 3)])
def test_refuses_other_kernels(shape):
    with pytest.raises(ValueError, match=r"\(height, width, 3, filters\)"):
        cross_modality_kernel(np.zeros(shape), 10)
