import numpy as np
import pytest
from keras import ops

from offkeras.models import RFCN, OFFVideoDetector, detection_streaming
from tests.detection import SMALL, small_backbone
from tests.helpers import array, randomize


@pytest.mark.parametrize("scales", ["single", "multi"])
def test_streaming_equals_pairs_of_frames(scales):
    model = OFFVideoDetector(
        3, scales=scales, backbone=small_backbone(), filters=6, **SMALL
    )
    randomize(model)
    video = np.random.default_rng(0).uniform(0, 255, (5, 2, 64, 80, 3))
    video = ops.convert_to_tensor(video.astype("float32"))
    start, step = detection_streaming(model)
    state = start({"frame": video[0]})
    # All that is kept are the reduced maps.
    sizes = {"single": {(8, 10, 6)}, "multi": {(16, 20, 6), (8, 10, 6)}}
    assert {tuple(maps.shape[1:]) for maps in state.values()} == sizes[scales]
    for index in range(5):
        outputs = step({"frame": video[index], **state})
        state = {key: outputs.pop(key) for key in state}
        pair = ops.stack([video[max(index - 1, 0)], video[index]], axis=1)
        expected = model({"frames": pair})
        assert (array(expected["count"]) > 0).all()
        assert outputs.keys() == expected.keys()
        for name, value in outputs.items():
            np.testing.assert_allclose(array(value), array(expected[name]), atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [
        lambda: RFCN(3, backbone=small_backbone(), **SMALL),
        lambda: OFFVideoDetector(3, num_frames=3, backbone=small_backbone(), **SMALL),
    ],
)
def test_other_models_are_refused(model):
    with pytest.raises(ValueError, match="OFFVideoDetector of 2 frames"):
        detection_streaming(model())
