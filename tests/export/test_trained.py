"""What quantisation costs the trained models, by the metric of each task."""

import functools

import pytest

from benchmarks import export as benchmark
from offkeras import inference
from offkeras.export.signatures import task_of
from offkeras.training.prepare import moving_objects as prepare_moving_objects

pytestmark = pytest.mark.slow

# Accuracy falls by a point at most, PSNR by 0.1 dB, mAP by two points: each of the 84
# objects, by the size of its class, is 0.7 to 2.8 points of it.
MODELS = {
    "camera_motion": (104, dict(num_segments=4, size=(96, 96)), 0.01),
    "jpeg2000_q40": (8, dict(num_segments=3, size=(144, 176)), 0.1),
    "moving_objects": (60, dict(num_segments=2, size=(96, 128)), 0.02),
}
# int8 costs most.
CASES = [
    *((name, "litert_int8") for name in MODELS),
    *(
        pytest.param(name, target, marks=pytest.mark.exhaustive)
        for name in MODELS
        for target in ("litert_float16", "litert_dynamic")
    ),
]


@pytest.fixture(scope="module")
def moving_objects(tmp_path_factory):
    root = tmp_path_factory.mktemp("moving_objects") / "data"
    counts = ["--train", "1", "--validation", "1", "--test", "5"]
    prepare_moving_objects.main(["--out", str(root), *counts])
    return root


@pytest.fixture(scope="module")
def known(moving_objects):
    """Function from a name to the model, clips, their truth and the model's quality."""

    @functools.cache
    def known(name):
        count, shape, _ = MODELS[name]
        model = inference.trained_model(name).load()
        task = task_of(model)
        clips, truth = benchmark.load_clips(
            task, *shape.values(), count, root=moving_objects
        )
        run = benchmark.keras_runner(model, task)
        return model, clips, truth, measure(task, run, clips, truth)

    return known


def measure(task, run, clips, truth):
    """Accuracy, PSNR or mAP."""
    return benchmark.quality(task, [run(clip[None]) for clip in clips], truth)[1]


@pytest.mark.parametrize(("name", "target"), CASES)
def test_quality_is_that_of_the_model(name, target, known, moving_objects, tmp_path):
    _, shape, bound = MODELS[name]
    model, clips, truth, expected = known(name)
    task = task_of(model)
    calibration = None
    if target == "litert_int8":
        calibration = benchmark.calibrate(model, task, shape, root=moving_objects)
    _, run = benchmark.write_format(target, model, tmp_path, shape, calibration)
    assert expected > {"moving_objects": 0.3, "camera_motion": 0.95}.get(name, 25)
    # Of few clips, quantised weights may also find more.
    assert expected - measure(task, run, clips, truth) <= bound + 1e-6
