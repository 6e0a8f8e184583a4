"""What is wrong with the data ends every script in a sentence that names it."""

import errno

import pytest
import tensorflow as tf

from offkeras.training import import_weights, options, run
from offkeras.training.actions import train as action_recognition
from offkeras.training.detection import evaluate as evaluate_detection
from offkeras.training.detection import train as object_detection
from offkeras.training.prepare import compression as prepare_compression
from offkeras.training.prepare import moving_objects as prepare_moving_objects
from offkeras.training.restoration import train as artifact_removal


def test_errors_of_the_data_end_the_program_and_no_others():
    for kind in (ValueError, FileNotFoundError, RuntimeError):
        with pytest.raises(SystemExit, match="^list.txt$"), options.bad_input():
            raise kind("list.txt")
    with pytest.raises(ZeroDivisionError), options.bad_input():
        raise ZeroDivisionError


FOLDER = ["--validation-fraction", "0.5", "--width", "0.25", "--size", "96"]


@pytest.mark.parametrize(
    "script, arguments",
    [
        (action_recognition, ["--data", "{absent}", *FOLDER]),
        (action_recognition, ["--weights", "{absent}.npz", "--width", "0.25"]),
        (action_recognition, ["--first-stage", "{absent}.h5", "--width", "0.25"]),
        (artifact_removal, ["--data", "{absent}"]),
        (object_detection, ["--data", "{absent}"]),
        (object_detection, ["--data", "{absent}", "--classes", "{absent}.txt"]),
        (evaluate_detection, ["--annotations", "{absent}.json"]),
        (prepare_compression, ["--data", "{root}", "--ffmpeg", "{absent}"]),
        (import_weights, ["{text}", "out.weights.h5"]),
        (prepare_moving_objects, ["--out", "{text}"]),
        (artifact_removal, ["--output", "{text}"]),
    ],
)
def test_scripts_name_what_is_wrong(script, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.npz").write_text("text")
    places = {"root": tmp_path, "absent": tmp_path / "absent"}
    places["text"] = tmp_path / "text.npz"
    arguments = [argument.format(**places) for argument in arguments]
    named = "text.npz" if str(places["text"]) in arguments else "absent"
    with pytest.raises(SystemExit, match=named):
        script.main(arguments)


@pytest.mark.parametrize(
    "script, arguments, message",
    [
        (action_recognition, ["--off-epochs", "0"], "--off-epochs of at least 1"),
        (
            action_recognition,
            ["--num-segments", "1"],
            "--num-segments of at least 2. Received: 1",
        ),
        (artifact_removal, ["--epochs", "0"], "--epochs of at least 1. Received: 0"),
    ],
)
def test_options_out_of_range_are_named(script, arguments, message, tmp_path):
    with pytest.raises(SystemExit, match=message):
        script.main([*arguments, "--output", str(tmp_path / "run")])


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        tf.errors.UnknownError(None, None, "run/log; No space left on device"),
        OSError("Can't write data (errno = 28, message = 'No space left on device')"),
    ],
)
def test_a_full_disk_ends_a_run_in_a_sentence(error, tmp_path):
    o = artifact_removal.Options(output=str(tmp_path / "run"), devices="CPU:0")
    message = f"^{o.output}: No space left on device. --resume goes on"
    with pytest.raises(SystemExit, match=message), run.start(o):
        raise error


def test_ctrl_c_ends_a_run_in_a_sentence(tmp_path, capsys):
    o = artifact_removal.Options(output=str(tmp_path / "run"), devices="CPU:0")
    with pytest.raises(SystemExit) as end, run.start(o):
        raise KeyboardInterrupt
    assert end.value.code == 130
    assert (
        capsys.readouterr().err == f"\nInterrupted: --resume goes on with {o.output}.\n"
    )
