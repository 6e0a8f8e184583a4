"""The recipes in numbers: iterations, learning rates, weight decay, partial BN."""

import math

import keras
import numpy as np
import pytest

from offkeras import backbones
from offkeras.training.actions import optimizer as action_optimizer
from offkeras.training.actions import train as action_recognition
from offkeras.training.actions.presets import PRESETS, Options

UCF101_TRAIN = 9537  # training videos of split 1
HMDB51_TRAIN = 3570


def plan(name, stage, **changes):
    """Options, epochs and steps of a stage of a preset on split 1."""
    o = Options(**{**PRESETS[name], **changes})
    videos = UCF101_TRAIN if o.dataset == "ucf101" else HMDB51_TRAIN
    epochs, iterations = (
        (o.appearance_epochs, o.appearance_iterations)
        if stage == "appearance"
        else (o.off_epochs, o.off_iterations)
    )
    steps_per_epoch = videos // o.batch_size
    epochs, steps = action_optimizer.count_steps(
        epochs, iterations, steps_per_epoch=steps_per_epoch, batch_size=o.batch_size
    )
    return o, epochs * steps_per_epoch, steps


def rates(name, stage, iterations):
    """Learning rates of a preset at iterations counted from 0."""
    o, _, steps = plan(name, stage)
    optimizer = action_optimizer.make_optimizer(stage, steps, o)
    schedule = optimizer._learning_rate
    return [float(schedule(iteration)) for iteration in iterations]


TSN = {  # rate, iterations of the drops, last iteration: the table of TSN
    "ucf101_rgb": (0.001, (1500, 3000), 3500),
    "ucf101_flow": (0.005, (10000, 16000), 18000),
    "hmdb51_rgb": (0.001, (1000, 2000), 2500),
    "hmdb51_flow": (0.005, (4000, 6000), 7000),
}


@pytest.mark.parametrize("suffix", ["", "_released"])
@pytest.mark.parametrize("name", TSN)
def test_first_stage_is_that_of_tsn(name, suffix):
    base, drops, last = TSN[name]
    o, trained, steps = plan(name + suffix, "appearance")
    assert steps == last and last - HMDB51_TRAIN // 128 * 3 < trained <= last
    assert o.appearance_segments == 3 and o.partial_bn and o.batch_size == 128
    assert o.appearance_dropout == (0.7 if "flow" in name else 0.8)
    assert o.appearance_clip_norm == (20 if "flow" in name else 40)
    around = [0, *(at for drop in drops for at in (drop - 1, drop)), last - 1]
    expected = [base, base, base / 10, base / 10, base / 100, base / 100]
    np.testing.assert_allclose(
        rates(name + suffix, "appearance", around), expected, rtol=1e-5
    )


@pytest.mark.parametrize("dataset", ["ucf101", "hmdb51"])
def test_first_stage_of_rgb_diff_is_in_epochs(dataset):
    o, _, steps = plan(f"{dataset}_rgb_diff", "appearance")
    per_epoch = {"ucf101": 74, "hmdb51": 27}[dataset]
    assert steps == 180 * per_epoch and o.appearance_segments == 7
    drops = (80 * per_epoch, 160 * per_epoch)
    around = [at for drop in drops for at in (drop - 1, drop)]
    np.testing.assert_allclose(
        rates(f"{dataset}_rgb_diff", "appearance", around),
        [1e-3, 1e-4, 1e-4, 1e-5],
        rtol=1e-5,
    )


@pytest.mark.parametrize("dataset", ["ucf101", "hmdb51"])
@pytest.mark.parametrize("modality", ["rgb", "rgb_diff", "flow"])
def test_second_stage_is_section_5_1(dataset, modality):
    name = f"{dataset}_{modality}"
    o, trained, steps = plan(name, "off")
    assert steps == 20000 and 20000 - 74 < trained <= 20000
    assert (o.modality, o.variant, o.scheme, o.num_segments) == (
        *(modality, "paper", "paper"),
        7,
    )
    base = 0.02 if modality == "rgb" else 0.05
    around = [0, 9999, 10000, 14999, 15000, 17999, 18000, 19999]
    expected = [base * 10.0**-n for n in (0, 0, 1, 1, 2, 2, 3, 3)]
    np.testing.assert_allclose(rates(name, "off", around), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "modality, iterations, cycles, length",
    [("rgb", 20000, 5, 4000), ("rgb_diff", 12000, 6, 2000), ("flow", 24000, 6, 4000)],
)
@pytest.mark.parametrize("dataset", ["ucf101", "hmdb51"])
def test_released_schedule(dataset, modality, iterations, cycles, length):
    """Cosine with restarts, at every iteration around them and some between."""
    name = f"{dataset}_{modality}_released"
    o, _, steps = plan(name, "off")
    assert (
        steps == iterations == cycles * length and o.variant == o.scheme == "released"
    )
    points = sorted(
        {0, 1, length // 3, length // 2, iterations - 1}
        | {k * length + d for k in range(1, cycles) for d in (-1, 0, 1, 777)}
    )
    expected = [
        0.5 * 0.02 * (1 + math.cos(math.pi * (point % length) / length))
        for point in points  # an iteration of Caffe less one
    ]
    np.testing.assert_allclose(rates(name, "off", points), expected, atol=2e-8)


def test_rate_and_iterations_follow_the_global_batch():
    o, _, steps = plan("ucf101_rgb", "off", batch_size=32)
    assert steps == 80000
    schedule = action_optimizer.make_optimizer("off", steps, o)._learning_rate
    np.testing.assert_allclose(
        [float(schedule(at)) for at in (0, 39999, 40000)], [0.005, 0.005, 0.0005]
    )


def test_weight_decay_is_caffes():
    """A weight without gradient fades as under L2 inside the momentum."""
    o = Options(**PRESETS["ucf101_rgb"])
    rate, steps = 0.02, 400
    ours = keras.Variable(np.ones(1, "float32"), name="kernel")
    bias = keras.Variable(np.ones(1, "float32"), name="bias")
    optimizer = action_optimizer.make_optimizer("off", 20000, o)
    for _ in range(steps):
        optimizer.apply([np.zeros(1, "float32")] * 2, [ours, bias])
    theirs, velocity = 1.0, 0.0
    for _ in range(steps):
        velocity = 0.9 * velocity - rate * 5e-4 * theirs
        theirs += velocity
    faded = 1 - float(ours[0])
    assert abs(faded - (1 - theirs)) < 0.05 * (1 - theirs)  # the start differs
    assert float(bias[0]) == 1  # biases do not decay


def test_partial_bn_fixes_all_but_the_first():
    backbone = backbones.BNInception(width=0.05, input_shape=(32, 32, 3))
    action_recognition.fix_statistics(backbone)
    before = {w.path: np.array(w) for w in backbone.weights}
    backbone(np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)), training=True)
    moved = {w.path for w in backbone.weights if (np.array(w) != before[w.path]).any()}
    assert {path.split("/")[-2] for path in moved} == {"conv1_7x7_s2_bn"}
    norms = {
        w.path.split("/")[-2] for w in backbone.trainable_weights if "_bn" in w.path
    }
    assert norms == {"conv1_7x7_s2_bn"}
    assert len(backbone.trainable_weights) == 69 * 2 + 2


@pytest.mark.parametrize("drops", ["0.5,0.2", "1.5", "x", "1/0", ""])
def test_wrong_drops(drops):
    with pytest.raises(SystemExit, match="rising fractions"):
        action_optimizer.multi_step(0.1, 100, drops)


def test_wrong_optimizer():
    with pytest.raises(SystemExit, match="of sgd, adam. Received: 'lion'"):
        action_recognition.main(["--optimizer", "lion"])


def test_every_preset_is_made_of_options():
    for name, preset in PRESETS.items():
        o = Options(**preset)
        assert o.output.startswith(f"runs/{name}")
        assert o.dataset == (
            "" if name in ("camera_motion", "acceleration") else name[:6]
        )
    assert len(PRESETS) == 14
