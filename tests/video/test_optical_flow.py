import cv2
import numpy as np
import pytest

from offkeras.data.augment import mirror
from offkeras.data.sample_videos import sample_video
from offkeras.video import optical_flow
from offkeras.video.reading import read_frames


def test_quantisation_is_that_of_dense_flow():
    """CAST of dense_flow: cvRound(255 (v - L) / (H - L)), clipped."""
    flow = np.concatenate([np.linspace(-25, 25, 4001), [-20, 20, 0, 1e9, -1e9]])
    expected = []
    for v in flow:
        value = round(255 * (v + 20) / 40)  # to even, as cvRound
        expected.append(0 if v < -20 else 255 if v > 20 else value)
    values = optical_flow.quantize(flow.astype(np.float32))
    assert values.dtype == np.uint8
    difference = np.abs(values.astype(int) - expected)
    assert difference.max() <= 1 and (difference == 1).mean() < 0.002  # float32
    assert values[-3] == 128
    inside = np.abs(flow) <= 20
    back = values * (40 / 255) - 20
    assert np.abs(back - flow)[inside].max() <= 20 / 255 + 1e-5


def test_every_value_comes_back():
    values = np.arange(256, dtype=np.uint8)
    again = optical_flow.quantize(np.float32(values * (40 / 255) - 20))
    np.testing.assert_array_equal(again, values)


@pytest.mark.parametrize("method", optical_flow.METHODS)
def test_flow_leads_from_the_first_to_the_second_frame(method):
    rng = np.random.default_rng(0)
    noise = cv2.resize(rng.integers(0, 256, (24, 32), np.uint8), (128, 96))
    first, second = noise[10:74, 10:106], noise[8:72, 7:103]  # moves by (3, 2)
    flow = optical_flow.estimator(method)(first, second)
    assert flow.shape == (64, 96, 2) and flow.dtype == np.float32
    inner = flow[12:-12, 12:-12].reshape(-1, 2)
    np.testing.assert_allclose(np.median(inner, 0), [3, 2], atol=0.2)


def test_unknown_methods_are_refused():
    with pytest.raises(ValueError, match="Expected an optical flow method in"):
        optical_flow.estimator("farneback")


def test_the_flow_of_the_mirrored_video_is_the_mirrored_flow():
    """Real frames, DIS: equal up to what DIS itself is not symmetrical in."""
    frames = read_frames(sample_video("bikes.mp4"), [40, 41])
    gray = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in frames]
    between = optical_flow.estimator("dis")
    flow = optical_flow.quantize(between(*gray))
    mirrored = optical_flow.quantize(between(*[g[:, ::-1].copy() for g in gray]))
    flipped = mirror(flow[None], signed=True)[0].numpy()

    def error(a, b):
        return np.abs(a.astype(float) - b).mean((0, 1))

    motion = np.abs(flow - 127.5).mean((0, 1))
    plain = mirror(flow[None])[0].numpy()
    assert motion[0] > 2  # quantised; there is something to mistake
    assert (error(flipped, mirrored) < 0.25 * motion.max()).all()
    assert error(flipped, mirrored)[0] < 0.25 * error(plain, mirrored)[0]
