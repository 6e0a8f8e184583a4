import subprocess
import sys
import tracemalloc

import keras
import numpy as np
import pytest
import tensorflow as tf

from offkeras import cli, data, inference
from offkeras.inference.restoration import tiles
from offkeras.models import DnCNN, OFFArtifactRemover
from offkeras.video import remux


def random_model(num_frames):
    """A model that changes frames by some grey levels; 0 frames: DnCNN."""
    if num_frames == 0:
        model = DnCNN(width=4, depth=4)
    else:
        model = OFFArtifactRemover(num_frames, width=4, refine_convs=2, tail_convs=3)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(0, 0.15, weight.shape))
    return model


def exact_frames(path):
    return np.stack([frame.rgb for frame in remux.read_source(path)])


def assert_same_picture(restored, expected):
    """Equal, but for a sum that falls on the other side of a half."""
    difference = np.abs(np.stack(restored).astype(int) - expected)
    assert difference.max() <= 1
    assert difference.mean() < 1e-4


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("num_frames", [0, 1, 2, 3])
def test_frames_are_those_of_the_model_on_each_window(num_frames, count, encode):
    """Streaming, and tiles from windows: the same picture, for every frame."""
    video = encode("video.mp4", num_frames=count)
    model = random_model(num_frames)
    frames = exact_frames(video)
    taken = max(num_frames, 1)
    before = taken // 2
    padded = np.pad(
        frames, ((before, taken - 1 - before), (0, 0), (0, 0), (0, 0)), "edge"
    )
    expected = [
        model({"frames": padded[None, i : i + taken].astype("float32")})["restored"][0]
        for i in range(count)
    ]
    expected = np.clip(expected, 0, 255).round().astype(int)
    assert np.abs(expected - frames).mean() > 1
    for tile in (None, 40):
        seconds, restored = zip(
            *inference.restore(video, model, tile=tile), strict=True
        )
        assert len(restored) == count
        assert_same_picture(restored, expected)
        np.testing.assert_allclose(seconds, np.arange(count) / 25)


@pytest.mark.parametrize("tile, heads", [(None, 6), (1000, 6), (70, 2 * 15)])
def test_the_head_sees_a_frame_once(tile, heads, encode, monkeypatch):
    """Of whole frames, and the repeated last one again; in tiles, from each window."""
    video = encode("video.mp4", num_frames=5)
    model = random_model(3)
    reduce = model.get_layer("head").get_layer("reduce")
    calls, call = [], type(reduce).call

    def counting(layer, inputs):
        calls.append(layer is reduce)
        return call(layer, inputs)

    monkeypatch.setattr(type(reduce), "call", counting)
    tf.config.run_functions_eagerly(True)
    try:
        assert len(list(inference.restore(video, model, tile=tile))) == 5
    finally:
        tf.config.run_functions_eagerly(False)
    assert sum(calls) == heads


def test_a_video_is_never_held_in_memory(identity, encode, tmp_path):
    """Four times the frames, not three more of them in memory."""
    peaks = []
    # The first run imports what it needs; the encoder holds up to 50 frames.
    for num_frames in (60, 60, 240):
        video = encode("long.mp4", num_frames=num_frames, height=128, width=128)
        tracemalloc.start()
        inference.restore_file(video, tmp_path / "out.mp4", identity)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 180 frames are 8.8 MB; the packet index takes some 0.3 kB a frame.
    assert peaks[2] - peaks[1] < 3 * 128 * 128 * 3 + 180 * 500


def test_the_model_must_restore(recognizer_like, encode):
    with pytest.raises(ValueError, match="Expected `model` to be a DnCNN.*'other'"):
        list(inference.restore(encode("video.mp4", num_frames=2), recognizer_like))


@pytest.fixture
def recognizer_like():
    frames = keras.Input((1, None, None, 3), name="frames")
    return keras.Model({"frames": frames}, {"logits": frames}, name="other")


def test_split_keeps_the_left_half(encode, tmp_path):
    video, output = encode("video.mp4", num_frames=3), tmp_path / "out.mp4"
    model = random_model(3)
    inference.restore_file(video, output, model, split=True, crf=1)
    before = exact_frames(video).astype(int)
    after = np.stack([frame for _, frame in inference.restore(video, model)]).astype(
        int
    )
    shown = exact_frames(output).astype(int)
    middle = before.shape[2] // 2
    assert np.abs(shown - before)[:, :, : middle - 4].mean() < 2
    assert np.abs(shown - after)[:, :, middle + 4 :].mean() < 4
    assert np.abs(shown - before)[:, :, middle + 4 :].mean() > 5
    assert shown[:, :, middle - 1 : middle + 1].mean() > 230


def test_done_counts_the_frames(identity, encode, tmp_path):
    counts = []
    video = encode("video.mp4", num_frames=4)
    total = inference.restore_file(
        video, tmp_path / "out.mp4", identity, done=counts.append
    )
    assert counts == [1, 2, 3, 4]
    assert total == 4


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_run_leaves_the_old_file_and_nothing_else(
    error, identity, encode, tmp_path
):
    video = encode("videos/video.mp4")
    output = tmp_path / "results" / "out.mp4"
    output.parent.mkdir()
    output.write_bytes(b"old")

    def done(count):
        if count == 5:
            raise error

    with pytest.raises(error):
        inference.restore_file(video, output, identity, done=done)
    assert output.read_bytes() == b"old"
    assert [path.name for path in output.parent.iterdir()] == ["out.mp4"]


def test_wrong_arguments(identity, encode, tmp_path):
    video = encode("video.mp4", num_frames=2)
    (tmp_path / "link.mp4").hardlink_to(video)
    cases = [
        (video, {}, "another file than the video. Received: .*video.mp4"),
        (tmp_path / "link.mp4", {}, "another file than the video"),
        (tmp_path / "out.avi", {}, r"end in one of \.mp4, \.mov, \.mkv. Received"),
        (tmp_path / "out.mp4", {"crf": 52}, "`crf` to be 0 to 51. Received: 52"),
        (tmp_path / "out.mp4", {"tile": 0}, "`tile` to be 1 pixel or more"),
    ]
    files = sorted(tmp_path.iterdir())
    for output, options, message in cases:
        with pytest.raises(ValueError, match=message):
            inference.restore_file(video, output, identity, **options)
        assert sorted(tmp_path.iterdir()) == files


def test_command(encode, tmp_path, capsys):
    random_model(2).save(tmp_path / "model.keras")
    video, output = encode("video.mp4", num_frames=6), tmp_path / "out.mkv"
    arguments = ["restore", video, "--output", str(output), "--tile", "50"]
    cli.main([*arguments, "--model", str(tmp_path)])
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{output}: 6 frames in ")
    told, left = printed.out.splitlines()
    assert told.endswith(" frames/s")
    assert left.startswith(f"{output}: all frames restored: the model does not say ")
    assert printed.err == ""  # no bar where nobody looks
    assert data.probe(output).num_frames == 6


def test_the_bar_of_the_command(encode, tmp_path, capsys, monkeypatch):
    random_model(0).save(tmp_path / "m.keras")
    video, output = encode("video.mp4", num_frames=6), tmp_path / "out.mp4"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    options = ["--output", str(output), "--split", "--no-audio", "--crf", "30"]
    cli.main(["restore", video, "--model", str(tmp_path / "m.keras"), *options])
    bars = capsys.readouterr().err.split("\r")
    assert bars[1].startswith(f"[{5 * '#'}{25 * '.'}] 1/6 frames, ")
    assert bars[-1].startswith(f"[{30 * '#'}] 6/6 frames, ")
    assert bars[-1].endswith("/s, 0:00 left   \n")


def test_the_command_reports_bad_input_in_one_sentence(encode, tmp_path):
    random_model(0).save(tmp_path / "model.keras")
    video = encode("video.mp4", num_frames=2)
    options = ["--model", str(tmp_path), "--output", video]
    with pytest.raises(SystemExit, match="offkeras: Expected `output` to be another"):
        cli.main(["restore", video, *options])
    with pytest.raises(SystemExit, match="Expected a trained model: .* Received: none"):
        cli.main(["restore", video, "--model", "none", "--output", "out.mp4"])


FULL_HD = """
import resource, sys
from offkeras import inference, models
model = models.OFFArtifactRemover(3)
count = sum(1 for _ in inference.restore(sys.argv[1], model))
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "height, width, frames",
    [
        (1080, 1920, 1),
        pytest.param(568, 920, 2, marks=pytest.mark.exhaustive),
    ],
)
def test_memory_stays_below_4_gib(height, width, frames, encode):
    """The model of the paper, in tiles and, just below their size, streaming."""
    assert (height * width <= tiles.TILE_PIXELS) == (height == 568)
    video = encode("video.mp4", num_frames=frames, height=height, width=width)
    result = subprocess.run(
        [sys.executable, "-c", FULL_HD, video],
        capture_output=True,
        text=True,
        check=True,
    )
    count, kibibytes = map(int, result.stdout.split())
    assert count == frames
    assert kibibytes < 4 * 2**20
