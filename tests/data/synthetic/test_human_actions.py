"""The human-actions set, and its files."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from offkeras import cli
from offkeras.data import AppearanceMotion, ClassFolder, HumanActions
from offkeras.data.order import Stream
from offkeras.data.pydataset.draws import RENDERED
from offkeras.data.synthetic import human_actions
from offkeras.modalities import find
from offkeras.video import optical_flow, probe, read_frames
from tests.support import streams


def collect(dataset):
    frames, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(frames), np.concatenate(labels)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A folder of small pictures: decoding the sample videos takes a second."""
    folder = tmp_path_factory.mktemp("places")
    rng = np.random.default_rng(0)
    for number in range(5):
        coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
        picture = cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return folder


@pytest.fixture(scope="module")
def clips(places):
    return HumanActions.open(
        clips_per_epoch=20, evaluation_clips=20, backgrounds=places
    )


def test_classes_are_balanced_and_known(clips):
    assert len(clips.class_names) == len(set(clips.class_names)) == 20
    assert {"walk", "run", "get_up_from_back", "stand"} <= set(clips.class_names)
    frames, labels = collect(
        streams.train(clips, batch_size=10, num_segments=2, size=32)
    )
    assert frames.shape == (20, 2, 32, 32, 3) and frames.dtype == np.uint8
    np.testing.assert_array_equal(labels, np.arange(20))


def test_clips_are_functions_of_seed_epoch_and_index(clips):
    shape = dict(batch_size=20, num_segments=2, size=32)

    def first(stream):
        return collect(clips.train(stream, **shape))[0]

    stream = Stream(seed=3, epochs=2)
    both = first(stream)
    np.testing.assert_array_equal(both, first(stream))
    late = first(Stream(seed=3, initial_epoch=1, epochs=2))
    np.testing.assert_array_equal(both[20:], late)
    for other in (both[20:], first(Stream(seed=4))):
        assert all((a != b).any() for a, b in zip(both[:20], other, strict=True))
    subsets = [
        collect(clips.evaluate(subset=s, **shape))[0] for s in ("validation", "test")
    ]
    assert (subsets[0] != subsets[1]).any(axis=(1, 2, 3, 4)).all()


def test_differences_and_flow_are_those_of_the_frames(clips):
    """Of one clip, drawn by its modalities and by hand."""
    shape = dict(batch_size=20, num_segments=2, size=48)
    differences, flow = (
        collect(clips.evaluate(modality=kind, **shape))[0][2]
        for kind in ("rgb_diff", "flow")
    )
    assert differences.shape == (2, 48, 48, 15) and flow.shape == (2, 48, 48, 10)
    index = tf.constant(2, tf.int64)
    drawn = Stream().key(RENDERED["test"], 0, index).numpy()
    times = human_actions.segment_times(2, 0.15, find("rgb_diff"))
    np.testing.assert_allclose(np.diff(times, axis=0), 0.15)
    np.testing.assert_allclose(np.diff(times, axis=1), 0.04)
    assert abs(times.mean()) < 1e-12
    clip = clips.draw(
        drawn.view(np.uint32).tolist(), 2, subset="test", times=times.ravel(), size=48
    )
    frames = clip.render().reshape(2, 6, 48, 48, 3).astype(int)
    expected = np.diff(frames, axis=1).transpose(0, 2, 3, 1, 4).reshape(2, 48, 48, 15)
    np.testing.assert_array_equal(differences, expected)
    grey = np.rint(frames @ [0.299, 0.587, 0.114]).astype(np.uint8)
    field = optical_flow.estimator("dis")(grey[1, 2], grey[1, 3])
    np.testing.assert_array_equal(flow[1, ..., 4:6], optical_flow.quantize(field))


def test_sample_videos_are_the_default():
    clips = HumanActions.open(clips_per_epoch=20, evaluation_clips=20)
    frames, labels = collect(clips.evaluate(batch_size=20, num_segments=2, size=32))
    np.testing.assert_array_equal(labels, np.arange(20))
    (source,) = clips.footage("test", 32)
    assert source.source == "carphone_pristine.mp4"
    assert source.frames.shape[:2] == (120, 48)
    # Places look like what they are cut from.
    assert abs(frames.mean() - source.frames.mean()) < 25


def test_the_joint_set_has_both(places):
    clips = AppearanceMotion.open(
        clips_per_epoch=20, evaluation_clips=20, backgrounds=places
    )
    assert len(clips.class_names) == 20
    assert clips.class_names[5] == "yellow_lies_down"
    times = np.linspace(-0.4, 0.4, 5)
    pair = [
        clips.draw(
            [1, 2], clips.class_names.index(name), subset="train", times=times, size=48
        )
        for name in ("red_gets_up", "blue_gets_up")
    ]
    # Those of the same motion do the same, in other clothes.
    np.testing.assert_array_equal(pair[0].people.start, pair[1].people.start)
    red, blue = (clip.people.colours.astype(int).mean(axis=0) for clip in pair)
    assert red[0] - red[2] > 30 and blue[2] - blue[0] > 30
    backwards = clips.draw(
        [1, 2],
        clips.class_names.index("red_lies_down"),
        subset="train",
        times=times,
        size=48,
    )
    np.testing.assert_array_equal(backwards.people.colours, pair[0].people.colours)
    assert np.abs(backwards.people.start - pair[0].people.start).max() > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(clips_per_epoch=30), "multiple of 20"),
        (dict(interval=0.0), "interval to be positive.*0.0"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        HumanActions.open(**options)


def test_clips_too_large_for_memory_are_refused(clips):
    with pytest.raises(ValueError, match=r"268435456 pixels.*100 frames of 4096x4096"):
        clips.draw([0], 0, subset="train", times=np.zeros(100), size=4096)


def test_command_writes_class_folders(tmp_path, places):
    out = tmp_path / "people"
    arguments = ["prepare", "human_actions", "--out", str(out), "--clips", "2"]
    arguments += ["--frames", "3", "--size", "32", "--classes", "walk,jump"]
    arguments += ["--backgrounds", str(places)]
    cli.main(arguments)
    videos = ClassFolder.open(out)
    assert videos.class_names == ("jump", "walk") and videos.num_frames == (3,) * 4
    assert probe(out / "jump" / "0001.mp4").fps == 25
    with pytest.raises(SystemExit, match="Expected --classes among walk, .*'fly'"):
        cli.main([*arguments, "--classes", "walk,fly"])
    with pytest.raises(SystemExit, match="Expected --subset to be one of train"):
        cli.main([*arguments, "--subset", "all"])


def test_a_reel_shows_one_class_after_the_other(tmp_path, places):
    arguments = ["prepare", "human_actions", "--backgrounds", str(places)]
    arguments += ["--classes", "walk,stand", "--frames", "4", "--size", "32"]
    cli.main([*arguments, "--out", str(tmp_path), "--clips", "1"])
    cli.main([*arguments, "--reel", str(tmp_path / "reel.mp4")])

    def frames(name, numbers):
        return np.stack([*read_frames(probe(tmp_path / name), numbers)]).astype(int)

    for first, name in ((0, "walk"), (4, "stand")):
        reel = frames("reel.mp4", range(first, first + 4))
        # The same but for the encoder.
        assert np.abs(reel - frames(f"{name}/0000.mp4", range(4))).mean() < 8
