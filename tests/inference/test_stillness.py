import importlib
import json

import numpy as np
import pytest
from PIL import Image

from offkeras import cli, data, inference
from offkeras.inference.stillness import Stillness
from tests.inference.test_detect import detector
from tests.support.recognizer import small_recognizer

STILL = slice(10, 26)  # frames of `film` that show what frame 10 does


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A folder of 36 images: some move, 16 are still but for noise, some move."""
    path = data.sample_video("carphone_pristine.mp4")
    order = [*range(10), *[10] * 16, *range(11, 21)]
    frames = data.read_frames(path, range(0, 105, 5))[order]
    for moving in (slice(1, 10, 2), slice(26, 36, 2)):
        frames[moving] = frames[moving, :, ::-1]  # all differ, wherever one looks
    noise = np.random.default_rng(0).normal(0, 2, frames[STILL].shape)
    noise[0] = 0
    frames[STILL] = (frames[STILL] + noise).round().clip(0, 255)
    folder = tmp_path_factory.mktemp("film") / "frames"
    folder.mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{number}.png")
    return folder


def test_noise_is_still_and_a_small_thing_that_moves_is_not():
    noise = np.random.default_rng(0)
    scene = noise.uniform(50, 200, (1, 45, 61, 3))

    def seen(thing=0.0):
        image = scene + noise.normal(0, 3, scene.shape)
        image[:, 41:45, 57:61] += thing  # in the cell at the corner
        return image

    stillness = Stillness()
    # The first two pass: what is said of a pair without motion is then repeated.
    assert [stillness.can_skip(seen()) for _ in range(4)] == [False, False, True, True]
    assert not stillness.can_skip(seen(thing=40))
    assert not stillness.can_skip(seen(thing=40))
    assert stillness.can_skip(seen(thing=40))
    # Slow changes add up: the last that passed is what is compared with.
    stillness = Stillness()
    passed = [not stillness.can_skip(scene + 0.9 * n) for n in range(14)]
    assert np.flatnonzero(passed).tolist() == [0, 1, 6, 7, 12, 13]
    # As long as an image is compared with one from before.
    stillness = Stillness(settle=0.2)
    skipped = [stillness.can_skip(scene, n / 10) for n in range(6)]
    assert skipped == [False, False, False, True, True, True]
    with pytest.raises(ValueError, match="`skip_still` to be above 0. Received: 0"):
        Stillness(0)


def test_a_window_repeats_what_was_said_of_the_pair_before(film, monkeypatch):
    """The network sees what moves and two still frames, and answers nearly as ever."""
    module = importlib.import_module("offkeras.inference.windows")
    recognizer = small_recognizer()
    window = dict(num_segments=3, interval=1, hop=1)
    expected = list(inference.classify(film, recognizer, **window))
    scores, passes = module.segment_scores(recognizer), []

    def counted(frame, state):
        passes.append(frame)
        return scores(frame, state)

    monkeypatch.setattr(module, "segment_scores", lambda recognizer: counted)
    found = list(inference.classify(film, recognizer, skip_still=4, **window))
    assert len(passes) == 36 - 14
    # Of frames 10 to 25 the first differs from the one before, the next one passes too.
    skipped = np.zeros(36)
    skipped[12:26] = 1
    assert [p.repeated for p in found] == pytest.approx(
        [skipped[end - 2 : end + 1].mean() for end in range(2, 36)]
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=0.02)
        assert other.repeated == 0
        if one.repeated == 0 and one.timestamp < 0.5:
            np.testing.assert_array_equal(one.probabilities, other.probabilities)


def test_boxes_are_repeated_and_tracks_go_on(film):
    model = detector(filters=8)
    options = dict(short_side=64, min_score=0.0)
    full = list(inference.detect(film, model, **options))
    found = list(inference.detect(film, model, skip_still=6, **options))
    assert [f.repeated for f in found] == [12 <= number < 26 for number in range(36)]
    for before, frame in zip(found[11:25], found[12:26], strict=True):
        np.testing.assert_array_equal(frame.boxes, before.boxes)
        np.testing.assert_array_equal(frame.tracks, before.tracks)
    assert not any(frame.repeated for frame in full)
    for one, other in zip(found[:12], full, strict=False):
        np.testing.assert_array_equal(one.boxes, other.boxes)


@pytest.mark.slow
def test_the_commands_mark_and_count(film, capsys):
    cli.main(["classify", str(film), "--skip-still", "--json", "-"])
    printed = capsys.readouterr()
    rows = [json.loads(line) for line in printed.out.splitlines()]
    share = np.mean([row["repeated"] for row in rows])
    assert 0 < share < 1
    assert printed.err == (
        f"{film}: nothing had moved in {share:.1%} of the segments, whose answers are "
        "repeated.\n"
    )
    with pytest.raises(SystemExit, match="--shots has no use for --skip-still"):
        cli.main(["classify", str(film), "--shots", "--skip-still"])
