"""`offkeras` killed at random moments: nothing half-written, and a rerun finishes."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from offkeras import data, inference
from offkeras.models import OFFArtifactRemover
from tests.support.recognizer import small_recognizer

NUM_FRAMES = (60, 45, 75, 30, 90, 50)
TIMEOUT = 240  # seconds, of a run that nobody kills


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six videos, a recognizer and a restorer that takes its time."""
    folder = tmp_path_factory.mktemp("kills")
    (folder / "videos").mkdir()
    frames = data.read_frames(data.sample_video("carphone_pristine.mp4"), range(90))
    for number, count in enumerate(NUM_FRAMES):
        data.write_video(folder / f"videos/{number}.mp4", frames[:count], fps=25)
    small_recognizer().save(folder / "recognizer.keras")
    OFFArtifactRemover(3, width=8).save(folder / "model.keras")
    return folder


COMMANDS = {
    "restore": ["--output", "out", "--crf", "30"],
    "classify": ["--json", "out", "--output", "out", "--segments", "4"]
    + ["--interval", "2", "--hop", "1"],
}


def start(command, folder, tmp_path):
    arguments = [sys.executable, "-c", "from offkeras import cli; cli.main()", command]
    arguments += [str(folder / "videos"), "--model", str(folder), *COMMANDS[command]]
    return subprocess.Popen(
        arguments,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(pathlib.Path(__file__).parents[2]),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
    )


def written(tmp_path):
    """Files under their final names, and those that are being written."""
    paths = list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else []
    return (
        sorted(path for path in paths if path.name[0] != "."),
        [path for path in paths if path.name[0] == "."],
    )


def check_whole(paths, expected):
    for path in paths:
        count = NUM_FRAMES[int(path.stem)]
        if path.suffix == ".mp4":
            assert len(list(data.iterate_frames(path))) == count
        else:
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            times = [row["time"] for row in rows]
            np.testing.assert_allclose(times, expected[path.stem], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("command", list(COMMANDS))
def test_kills(command, folder, tmp_path):
    """Three SIGKILLs and a Ctrl-C, each a seeded while after new work has begun."""
    expected = {}
    if command == "classify":
        model = small_recognizer()
        for number in range(len(NUM_FRAMES)):
            found = inference.classify(
                folder / f"videos/{number}.mp4",
                model,
                num_segments=4,
                interval=2,
                hop=1,
            )
            expected[str(number)] = [prediction.timestamp for prediction in found]
    rng = random.Random(command)
    seen = 0
    for kill in (signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        process = start(command, folder, tmp_path)
        began = time.monotonic()
        before = set(written(tmp_path)[1])
        while process.poll() is None and time.monotonic() < began + TIMEOUT:
            whole, partial = written(tmp_path)
            if len(whole) > seen or set(partial) - before:
                break
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 1.5))
        process.send_signal(kill)
        error = process.communicate(timeout=60)[1]
        whole, partial = written(tmp_path)
        check_whole(whole, expected)
        seen = len(whole)
        if kill == signal.SIGINT and process.returncode != 0:
            assert process.returncode == 130, error
            assert partial == []
    process = start(command, folder, tmp_path)
    error = process.communicate(timeout=TIMEOUT)[1]
    assert process.returncode == 0, error
    assert "0 failed" in error
    whole, partial = written(tmp_path)
    per_video = {"restore": 1, "classify": 2}[command]
    assert (len(whole), partial) == (per_video * len(NUM_FRAMES), [])
    check_whole(whole, expected)
