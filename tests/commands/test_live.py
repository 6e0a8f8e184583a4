"""`offkeras live` on a camera of this machine."""

import json
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from benchmarks.support.mjpeg_server import SIZE, Server
from offkeras import cli, data, inference, models
from offkeras.inference.drawing.window import as_ppm
from tests.support.detection import SMALL, small_backbone
from tests.support.recognizer import small_recognizer

NAMES = ("walk", "run", "jump")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A recognizer, a detector and a restorer."""
    folder = tmp_path_factory.mktemp("models")
    made = {
        "recognizer": (small_recognizer(), {"segments": 3, "interval": 2}),
        "detector": (
            models.OFFVideoDetector(3, backbone=small_backbone(), filters=8, **SMALL),
            {"size": [48, 64], "min_score": 0.0},
        ),
        "model": (models.DnCNN(width=4, depth=2), {}),
    }
    for kind, (model, defaults) in made.items():
        path = folder / kind / f"{kind}.keras"
        path.parent.mkdir()
        model.save(path)
        path.with_name("defaults.json").write_text(json.dumps(defaults))
        path.with_name("labels.txt").write_text("\n".join(NAMES))
    return folder


def noise(number):
    return np.random.default_rng(number).integers(0, 255, (*SIZE, 3), np.uint8)


def test_rows_of_a_recognizer(folder, capsys):
    with Server(fps=40, draw=noise) as server:
        arguments = ["--model", str(folder / "recognizer"), "--json", "-"]
        cli.main(["live", server.address, "--seconds", "4", *arguments])
    printed = capsys.readouterr()
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert len(rows) >= 2
    for row in rows:
        assert row["video"] == server.address and row["label"] in NAMES
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        assert row["dropped"] >= 0 and row["lag"] >= 0
        assert row["time"] - row["start"] >= 2 * 2 / 25  # three segments
    assert printed.err.startswith(f"{server.address}: ")
    assert "0 breaks of the connection" in printed.err


def test_a_window_spans_no_break(folder):
    """What is said is what the model says of the pictures that it was shown."""
    recognizer = inference.trained_model(str(folder / "recognizer")).load()
    seen = []
    with (
        Server(fps=40, draw=noise) as server,
        inference.LiveStream(server.address, every=0.05) as stream,
    ):
        live = inference.classify_live(stream, recognizer, num_segments=3)
        for turn, (picture, prediction) in enumerate(live):
            seen.append((picture, prediction))
            if turn == 5:
                server.breaks.set()
                threading.Timer(0.2, server.breaks.clear).start()
            if turn > 8 and picture.connection > 1 and prediction is not None:
                break
    first = [picture.connection for picture, _ in seen].index(seen[-1][0].connection)
    known = [prediction is not None for _, prediction in seen]
    assert known[:3] == known[first : first + 3] == [False, False, True]
    images = np.stack([picture.image for picture, _ in seen[-3:]])
    clip = data.center_crop(images, recognizer.input["frames"].shape[2])[None]
    outputs = recognizer({"frames": clip}, training=False)
    scores = np.exp((outputs["appearance"] + outputs["off_3"]).numpy()[0])
    np.testing.assert_allclose(
        seen[-1][1].probabilities, scores / scores.sum(), atol=1e-5
    )


def test_objects_and_a_file(folder, tmp_path, capsys):
    path = tmp_path / "objects.jsonl"
    path.write_text('{"before": 1}\n')
    with Server(fps=20, draw=noise) as server:
        arguments = ["--model", str(folder / "detector"), "--json", str(path)]
        cli.main(["live", server.address, "--seconds", "8", *arguments])
    before, *rows = map(json.loads, path.read_text().splitlines())
    assert before == {"before": 1} and rows
    height, width = SIZE
    for row in rows:
        for thing in row["objects"]:
            left, top, right, bottom = thing["box"]
            assert 0 <= left <= right <= width and 0 <= top <= bottom <= height
    assert capsys.readouterr().out == ""


def test_ctrl_c_is_the_usual_end(folder):
    """In a process of its own, where nobody else has a say in signals."""
    with Server(fps=40) as server:
        command = ["live", server.address, "--model", str(folder / "recognizer")]
        process = subprocess.Popen(
            [sys.executable, "-m", "offkeras", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell has what it starts in the background ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        process.stdout.readline()  # an answer
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "pictures seen" in errors and "Traceback" not in errors


def test_bad_input_is_a_sentence(folder, monkeypatch):
    for source, options, expected in (
        ("street.mp4", [], "Expected the number of a camera, or an address"),
        ("http://a", ["--model", str(folder / "model")], "recognizer or a detector"),
        ("http://127.0.0.1:9", ["--patience", "1"], "127.0.0.1:9: cannot be read"),
        ("http://a", ["--every", "-1"], "Expected `every` to be 0 or more"),
    ):
        if "--model" not in options:
            options = [*options, "--model", str(folder / "recognizer")]
        with pytest.raises(SystemExit, match=expected):
            cli.main(["live", source, *options])
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(SystemExit, match="A window needs"):
        cli.main(
            ["live", "http://a", "--window", "--model", str(folder / "recognizer")]
        )


def test_a_picture_for_tk():
    image = noise(0)
    head, width, height, most, pixels = as_ppm(image).split(b" ", 4)
    assert (head, int(width), int(height), int(most)) == (b"P6", 128, 96, 255)
    assert pixels == image.tobytes()
