"""How much of the correction is shown, and the preview."""

import fractions

import av
import numpy as np
import pytest

from offkeras import cli, data, inference
from offkeras.video import remux
from tests.inference.test_restore import random_model


@pytest.mark.parametrize("num_frames, tile", [(0, None), (2, 40), (3, None)])
def test_strength_is_the_part_of_the_correction(num_frames, tile, encode):
    video, model = encode("a.mp4", num_frames=4), random_model(num_frames)
    before = np.stack([source.rgb for source in remux.read_source(video)]).astype(int)

    def restored(strength):
        frames = inference.restore(video, model, tile=tile, strength=strength)
        return np.stack([frame for _, frame in frames]).astype(int)

    whole, half = restored(1), restored(0.5)
    np.testing.assert_array_equal(restored(0), before)
    # Neither is cut off at black or white, where the half would not be between.
    inside = (whole > 0) & (whole < 255)
    assert inside.mean() > 0.5 and np.abs(whole - before)[inside].mean() > 1
    expected = (before + whole) / 2  # of which `whole` is rounded, and `half` too
    assert np.abs(half - expected)[inside].max() <= 0.75


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_wrong_strength(strength, encode, identity):
    with pytest.raises(ValueError, match="`strength` to be 0 to 1. Received: "):
        list(inference.restore(encode("a.mp4"), identity, strength=strength))


@pytest.mark.parametrize("is_isolated", [False, True])
def test_preview(is_isolated, encode, tmp_path):
    """The frames of the first seconds by an uneven clock, before and after."""
    durations = [40, 5, 300, 7, 90, 400, 60]
    video = encode("a.mp4", durations=durations, num_frames=7)
    source = inference.Isolated(video) if is_isolated else video
    model, output, counts = random_model(2), tmp_path / "out.mp4", []
    options = dict(seconds=0.5, crf=1, done=counts.append)
    assert inference.restore_preview(source, output, model, **options) == 6
    assert counts == [1, 2, 3, 4, 5, 6]
    times, frames = zip(*data.iterate_frames(output), strict=True)
    starts = np.cumsum([0, *durations])[:6] / 1000
    np.testing.assert_allclose(times, starts, atol=1e-3)
    before = np.stack([source.rgb for source in remux.read_source(video)])[:6]
    after = np.stack([frame for _, frame in inference.restore(video, model)])[:6]
    shown = np.stack(frames).astype(int)
    width = before.shape[2]
    assert shown.shape == (*before.shape[:2], 2 * width + 2, 3)
    for picture, left in ((before, 0), (after, width + 2)):
        part = shown[:, :, left : left + width]
        assert np.abs(part - picture)[:, :, 4:-4].mean() < 4
    assert np.abs(after.astype(int) - before).mean() > 6
    assert shown[:, :, width : width + 2].mean() > 230


def test_preview_keeps_shape_and_colours(tmp_path, identity):
    """Those of a video of pixels that are no squares, in another matrix."""
    path, output = tmp_path / "a.mp4", tmp_path / "out.mp4"
    frames = [np.full((48, 64, 3), (250, 10, 20), np.uint8)] * 3
    aspect = fractions.Fraction(16, 11)
    coding = data.probe(_plain(tmp_path, frames)).coding._replace(matrix=1)
    data.write_video(path, frames, fps=25, aspect=aspect, coding=coding)
    inference.restore_preview(path, output, identity, codec="libx265")
    info = data.probe(output)
    assert (info.aspect, info.coding.matrix, info.num_frames) == (aspect, 1, 3)
    with av.open(str(output)) as container:
        (stream,) = container.streams
        assert stream.codec_context.codec_tag == "hvc1"
    shown = next(iter(data.iterate_frames(output)))[1]
    assert np.abs(shown[:, 70:].astype(int) - (250, 10, 20)).max() < 8


def _plain(tmp_path, frames):
    path = tmp_path / "plain.mp4"
    data.write_video(path, frames, fps=25)
    return path


def test_wrong_preview(encode, identity, tmp_path):
    video, output = encode("a.mp4", num_frames=2), tmp_path / "out.mp4"
    with pytest.raises(ValueError, match="`seconds` to be above 0. Received: 0"):
        inference.restore_preview(video, output, identity, seconds=0)
    with pytest.raises(ValueError, match="another file than the video"):
        inference.restore_preview(video, video, identity)


def test_command(encode, tmp_path, capsys, monkeypatch):
    """Ten seconds of a longer video, and a bar of so many frames."""
    random_model(0).save(tmp_path / "m.keras")
    video, output = (
        encode("a.mp4", durations=[400] * 30, num_frames=30),
        tmp_path / "o.mp4",
    )
    arguments = ["restore", video, "--model", str(tmp_path / "m.keras"), "--preview"]
    arguments += ["--output", str(output), "--strength", "0"]
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    cli.main(arguments)
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{output}: 25 frames in ")
    assert "25/25 frames, " in printed.err
    shown = np.stack([frame for _, frame in data.iterate_frames(output)]).astype(int)
    assert shown.shape == (25, 64, 194, 3)
    # The correction is not shown at all.
    assert np.abs(shown[:, :, :96] - shown[:, :, 98:]).mean() < 3


def test_no_preview_of_images(tmp_path):
    random_model(0).save(tmp_path / "m.keras")
    (tmp_path / "images").mkdir()
    import PIL.Image

    PIL.Image.new("RGB", (16, 16)).save(tmp_path / "images" / "1.png")
    arguments = ["restore", str(tmp_path / "images"), "--output", str(tmp_path / "out")]
    arguments += ["--model", str(tmp_path / "m.keras"), "--preview"]
    with pytest.raises(SystemExit, match="--preview is for video files"):
        cli.main(arguments)
