import inspect
import re
import textwrap

import keras
import numpy as np
import pytest
from keras import ops

from offkeras.models import RFCN, OFFVideoDetector, streaming
from tests.support.detection import SMALL, small_backbone
from tests.support.helpers import array, large_tensors, randomize


@pytest.mark.parametrize("scales", ["single", "multi"])
def test_streaming_equals_pairs_of_frames(scales):
    model = OFFVideoDetector(
        3, scales=scales, backbone=small_backbone(), filters=6, **SMALL
    )
    randomize(model)
    video = np.random.default_rng(0).uniform(0, 255, (5, 2, 64, 80, 3))
    video = ops.convert_to_tensor(video.astype("float32"))
    start, step = streaming(model)
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


@pytest.mark.parametrize("pooling", ["matmul", "integral"])
def test_no_tensor_has_more_than_four_axes(pooling):
    model = OFFVideoDetector(
        3, backbone=small_backbone(), filters=6, **{**SMALL, "pooling": pooling}
    )
    assert len(large_tensors(model)) > 1  # what is looked for is found
    for part in streaming(model):
        assert large_tensors(part) == []


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_the_example_takes_frames_of_numpy(dtype):
    detector = OFFVideoDetector(3, backbone=small_backbone(), filters=6, **SMALL)
    frames = np.random.default_rng(0).integers(0, 256, (3, 64, 80, 3)).astype(dtype)
    (code,) = re.findall(
        r"```python\n(.*?)```", inspect.getdoc(streaming), flags=re.DOTALL
    )
    names = dict(keras=keras, streaming=streaming, detector=detector, frames=frames)
    exec(textwrap.dedent(code), names)
    pair = np.stack([frames[1], frames[2]])[None]
    expected = detector({"frames": pair})
    np.testing.assert_allclose(
        array(names["outputs"]["scores"]), array(expected["scores"]), atol=1e-5
    )


@pytest.mark.parametrize(
    "model",
    [
        lambda: RFCN(3, backbone=small_backbone(), **SMALL),
        lambda: OFFVideoDetector(3, num_frames=3, backbone=small_backbone(), **SMALL),
    ],
)
def test_other_models_are_refused(model):
    with pytest.raises(ValueError, match="OFFVideoDetector of 2 frames"):
        streaming(model())
