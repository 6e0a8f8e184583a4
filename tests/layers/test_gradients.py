import numpy as np
import pytest
from scipy import ndimage

from offkeras.layers import OFF, Gradients
from tests.support.helpers import array, check_layer, random

PREWITT_X = np.array([[-1, 0, 1]] * 3)
PREWITT_Y = -PREWITT_X.T


def spatial(maps):
    """Fx, then Fy of (B, H, W, C), by scipy."""
    parts = [
        ndimage.correlate(maps, kernel[None, :, :, None], mode="constant")
        for kernel in (PREWITT_X, PREWITT_Y)
    ]
    return np.concatenate(parts, axis=-1)


@pytest.mark.parametrize("segments, target", [(1, 0), (2, 1), (3, 1), (3, 0)])
def test_gradients_of_a_target(segments, target):
    maps = random(2, segments, 6, 7, 3)
    expected = [spatial(maps[:, target])]
    expected += [maps[:, t] - maps[:, t - 1] for t in range(1, segments)]
    layer = Gradients(target=target)
    result = array(layer(maps))
    np.testing.assert_allclose(result, np.concatenate(expected, -1), atol=1e-5)
    assert layer.compute_output_shape(maps.shape) == result.shape


def test_gradients_of_pairs():
    maps = random(2, 3, 6, 7, 3)
    result = array(Gradients()(maps))
    for pair in range(2):
        earlier, later = maps[:, pair], maps[:, pair + 1]
        expected = np.concatenate([spatial(earlier), later - earlier], axis=-1)
        np.testing.assert_allclose(result[:, pair], expected, atol=1e-5)


def test_off_is_the_gradients_of_reduced_features():
    maps = random(2, 3, 6, 7, 5)
    for target in (None, 2):
        off = OFF(4, target=target)
        result = array(off(maps))
        reduced = np.stack([array(off.reduce(maps[:, t])) for t in range(3)], axis=1)
        expected = array(Gradients(target=target)(reduced))
        np.testing.assert_allclose(result, expected, atol=1e-5)


def test_radius():
    assert Gradients().radius == 1
    assert Gradients(spatial=False).radius == 0


@pytest.mark.parametrize(
    ("target", "shape"), [(None, (2, 2, 6, 7, 9)), (1, (2, 6, 7, 12))]
)
def test_layer(target, shape, tmp_path):
    check_layer(
        lambda **options: Gradients(target=target, **options),
        random(2, 3, 6, 7, 3),
        output_shape=shape,
        parameters=0,
        tmp_path=tmp_path,
    )


def test_bad_input():
    with pytest.raises(ValueError, match="Gradients needs its spatial part"):
        Gradients(spatial=False, temporal=False)
    with pytest.raises(ValueError, match="at least two segments"):
        Gradients()(random(2, 1, 6, 7, 3))
    with pytest.raises(ValueError, match=r"Gradients expects .*\(2, 6, 7, 3\)"):
        Gradients()(random(2, 6, 7, 3))
