"""Never worse: what is left as it is, what is restored, and what is said of it."""

import json
import pathlib
import subprocess

import numpy as np
import pytest

from offkeras import cli, inference
from offkeras.video import isolated_remux, remux
from offkeras.video.streams.quantiser import Quantiser
from tests.inference.test_restore import random_model

# x264 chooses the quantiser of no block by itself, and has its first frame at 23.
ZONES = "zones=0,5,q=20/6,11,q=40:aq-mode=0:mbtree=0:rc-lookahead=0:threads=1"
ZONES += ":ipratio=1:scenecut=0"


def two_qualities(encode):
    """A film whose frames 0..5 have the quantiser 20 or 23, and 6..11 have 40."""
    options = {"x264-params": ZONES, "bf": "0"}
    video = encode("film.mp4", num_frames=12, options=options)
    told = [source.quantiser.value for source in remux.read_source(video)]
    assert told == [23] + [20] * 5 + [40] * 6
    return video


def originals(path):
    return [source.rgb for source in remux.read_source(path)]


@pytest.mark.parametrize("num_frames, tile", [(0, 40), (2, None), (3, None), (3, 40)])
@pytest.mark.parametrize("quantisers, left", [((30, 51), 0), ((0, 30), 1)])
def test_frames_outside_are_as_they_were_and_others_as_ever(
    quantisers, left, num_frames, tile, encode
):
    """Also where the state of a stream begins in the middle, or ends there."""
    video = two_qualities(encode)
    model = random_model(num_frames)
    worth = inference.WorthRestoring({"h264": quantisers})
    shown = [f for _, f in inference.restore(video, model, tile=tile, worth=worth)]
    every = [f for _, f in inference.restore(video, model, tile=tile)]
    halves = slice(0, 6), slice(6, 12)
    as_they_were, restored = halves[left], halves[1 - left]
    np.testing.assert_array_equal(shown[as_they_were], originals(video)[as_they_were])
    difference = np.abs(np.stack(shown).astype(int) - np.stack(every))[restored]
    assert difference.max() <= 1 and difference.mean() < 1e-3
    assert np.abs(np.stack(every).astype(int) - originals(video)).mean() > 1
    assert (worth.seen, worth.left, worth.unknown) == (12, 6, 0)


def frames_of(*values, codec="h264"):
    for value in values:
        quantiser = None if value is None else Quantiser(codec, value)
        yield remux.SourceFrame(0, 0, None, None, None, quantiser=quantiser)


@pytest.mark.parametrize(
    "quantisers, frames, decisions, summary",
    [
        (
            {"h264": [28, 40]},
            frames_of(27.9, 28, 40, 40.1),
            [False, True, True, False],
            "2 of 4 frames left as they were: their h264 quantisers are 27.9 to 40.1, "
            "and the model gains from 28 to 40",
        ),
        ({"h264": [28, 40]}, frames_of(30, 31), [True, True], ""),
        (
            {"h264": [28, 40]},
            frames_of(9, codec="mpeg4"),
            [False],
            "1 of 1 frames left as they were: the model is not for mpeg4",
        ),
        (
            {},
            frames_of(None, None),
            [True, True],
            "all frames restored: the decoder tells no quantiser",
        ),
        (
            None,
            frames_of(1, 50),
            [True, True],
            "all frames restored: the model does not say at which quantisers it gains",
        ),
    ],
)
def test_the_rule_and_what_is_said(quantisers, frames, decisions, summary):
    worth = inference.WorthRestoring(quantisers)
    assert [worth(frame) for frame in frames] == decisions
    assert worth.summary() == summary


@pytest.mark.parametrize("is_isolated", [False, True])
def test_command(is_isolated, encode, tmp_path, capsys):
    """By the range beside the model; without it on request."""
    random_model(2).save(tmp_path / "model.keras")
    (tmp_path / "defaults.json").write_text(
        json.dumps({"quantisers": {"h264": [30, 51]}})
    )
    video, output = two_qualities(encode), tmp_path / "out.mp4"
    arguments = ["restore", video, "--model", str(tmp_path), "--output", str(output)]
    arguments += ["--crf", "4", *(["--isolated"] if is_isolated else [])]
    changes = []
    for extra in ([], ["--no-if-better"]):
        cli.main([*arguments, *extra])
        line, *more = capsys.readouterr().out.splitlines()
        assert line.startswith(f"{output}: 12 frames in ")
        change = np.abs(np.stack(originals(str(output))).astype(int) - originals(video))
        changes.append((change[:6].mean(), change[6:].mean()))
        said = (
            f"{output}: 6 of 12 frames left as they were: their h264 quantisers are "
            "20.0 to 23.0, and the model gains from 30 to 51"
        )
        assert more == ([] if extra else [said])
    (left, restored), (all_left, all_restored) = changes
    assert left < 1 < all_left and min(restored, all_restored) > 1


@pytest.mark.parametrize(
    "name, is_isolated", [("o.mp4", 0), ("o.mp4", 1), ("o.mkv", 0)]
)
def test_a_video_that_is_left_is_copied(name, is_isolated, film, identity, tmp_path):
    """Bit by bit, and not encoded again, unless it is written into another kind."""
    video, output = film("film.mp4", num_frames=6), tmp_path / name
    source = inference.Isolated(video) if is_isolated else video
    content = pathlib.Path(video).read_bytes()
    worth = inference.WorthRestoring({"h264": [50, 51]})
    assert inference.restore_file(source, output, identity, worth=worth) == 6
    assert (output.read_bytes() == content) == (name == "o.mp4" and not is_isolated)
    assert (worth.seen, worth.left) == (6, 6) and len(originals(str(output))) == 6
    for options in ({"audio": False}, {"split": True}):
        inference.restore_file(source, output, identity, worth=worth, **options)
        assert output.read_bytes() != content


def test_what_a_wrong_process_tells_of_quantisers(encode, monkeypatch):
    """No number, or a codec that would write on the terminal."""
    video, start = encode("a.mp4", num_frames=2), subprocess.Popen
    for record in (
        "b'Q', float('nan'), 0, 4) + b'h264'",
        "b'Q', 3, 0, 4) + b'\\x1b[2J'",
    ):
        program = f"import os, struct; os.write(1, struct.pack('<cdII', {record})"

        def hostile(command, program=program, **options):
            return start([command[0], "-c", program], **options)

        monkeypatch.setattr(subprocess, "Popen", hostile)
        with pytest.raises(ValueError, match="its decoder gave a wrong answer"):
            list(isolated_remux.read_source(video))
