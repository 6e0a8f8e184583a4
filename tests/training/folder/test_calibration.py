import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from offkeras.models import OFFActionRecognizer
from offkeras.training.folder import calibration
from tests.support.recognizer import toy_backbone


def sets(count, seed=0):
    """Appearance that is sure without reason, and motion that is right but shy."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, count)
    noise = rng.normal(0, 8, (count, 5)).astype("float32")
    motion = rng.normal(0, 0.7, (count, 5)).astype("float32")
    motion[range(count), labels] += 1.5
    return {"appearance": noise, "off_3": motion}, labels


def test_what_says_nothing_counts_little():
    scores, labels = sets(200)
    found = calibration.factors(scores, labels)
    assert found["appearance"] < 0.1 and found["off_3"] > 1
    other, truth = sets(1000, seed=1)
    before = (other["appearance"] + other["off_3"]).argmax(-1) == truth
    fused = sum(found[name] * score for name, score in other.items())
    assert before.mean() < 0.4 and (fused.argmax(-1) == truth).mean() > 0.7


def test_factors_are_those_of_a_general_optimizer():
    scores, labels = sets(100)
    doubles = [score.astype("float64") for score in scores.values()]

    def cost(logs):
        fused = sum(np.exp(w) * s for w, s in zip(logs, doubles, strict=True))
        log_p = log_softmax(fused, axis=-1)[range(len(labels)), labels]
        return np.square(logs).sum() / 2 - log_p.sum()

    limits = np.log(calibration.FACTORS[[0, -1]])
    best = minimize(cost, np.zeros(2), bounds=[limits, limits]).x
    found = np.log([*calibration.factors(scores, labels).values()])
    step = np.diff(np.log(calibration.FACTORS))[0]
    np.testing.assert_allclose(found, best, atol=step)


def test_few_labels_move_the_factors_little():
    scores, labels = sets(3)
    few = calibration.factors(scores, labels)
    many = calibration.factors(*sets(300))
    assert many["appearance"] < few["appearance"] <= 1


def test_factors_become_part_of_the_classifiers():
    recognizer = OFFActionRecognizer(
        3, num_segments=2, backbone=toy_backbone(32), filters=4
    )
    frames = np.random.default_rng(0).uniform(0, 255, (1, 2, 32, 32, 3))
    before = recognizer({"frames": frames})
    calibration.apply(recognizer, {"appearance": 0.25, "off_3": 2.0})
    after = recognizer({"frames": frames})
    for name, factor in {"appearance": 0.25, "off_1": 1, "off_3": 2}.items():
        np.testing.assert_allclose(after[name], factor * before[name], rtol=1e-5)
