"""The `offkeras` command over one video and over many."""

import csv
import importlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from offkeras import cli, data, inference, models
from offkeras.commands import tasks
from offkeras.commands.jobs import batch, results
from offkeras.inference import trained
from tests.support.detection import SMALL, small_backbone
from tests.support.recognizer import small_recognizer

NAMES = ("walk", "run", "jump")
MODULES = [command.__name__.split(".")[-1] for command in cli.COMMANDS]
COMMANDS = [*(name for name in MODULES if name != "tasks"), *tasks.COMMANDS]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Trained models by name."""
    folder = tmp_path_factory.mktemp("savedmodels")
    made = {
        "moving_camera/recognizer": small_recognizer(),
        "movers/detector": models.OFFVideoDetector(
            3, backbone=small_backbone(), filters=8, **SMALL
        ),
        "mpeg4_low/model": models.DnCNN(width=4, depth=2),
    }
    for name, model in made.items():
        path = folder / f"{name}.keras"
        path.parent.mkdir()
        model.save(path)
        path.with_name("labels.txt").write_text("\n".join(NAMES) + "\n")
    write_defaults(folder / "moving_camera", {"segments": 3, "interval": 2, "hop": 4})
    write_defaults(folder / "movers", {"size": [48, 64], "min_score": 0.0})
    return folder


def write_defaults(folder, defaults):
    (folder / "defaults.json").write_text(json.dumps(defaults))


@pytest.fixture(scope="module")
def loaded():
    return {}


@pytest.fixture(autouse=True)
def in_a_checkout(saved, loaded, monkeypatch):
    """The models are found by name, and loaded and traced once for all tests."""
    load = trained.TrainedModel.load

    def load_once(found):
        if found.path not in loaded:
            loaded[found.path] = load(found)
        return loaded[found.path]

    monkeypatch.setattr(trained, "SHIPPED", saved)
    monkeypatch.setattr(trained.TrainedModel, "load", load_once)


@pytest.fixture
def videos(tmp_path):
    """A folder a class, with videos of 12 real frames."""
    frames = data.read_frames(data.sample_video("carphone_pristine.mp4"), range(20))
    for number, name in enumerate(("walk/a.mp4", "walk/b.avi", "run/a.mkv")):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data.write_video(path, frames[number : number + 12, ::2, ::2], fps=10)
    return tmp_path / "videos"


def names_of(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(folder)) for path in files)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_screen_and_has_an_example(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert len(text.splitlines()) <= 40
    assert f"example: offkeras {command} " in text


@pytest.mark.parametrize(
    "task",
    [
        f"{command} {task}"
        for command, (_, _, modules) in tasks.COMMANDS.items()
        for task in modules
    ],
)
def test_a_task_is_called_by_the_name_of_its_command(task, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*task.split(), "--help"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: offkeras {task} [-h]")


def test_a_broken_model_is_one_sentence(tmp_path):
    arguments = ["evaluate", "restoration", "--model", str(tmp_path / "absent")]
    with pytest.raises(SystemExit, match="Expected a trained model.*absent"):
        cli.main(arguments)


def test_examples_in_the_help_are_valid():
    for action in cli.make_parser()._subparsers._group_actions[0].choices.values():
        example = action.epilog.removeprefix("example: offkeras ")
        cli.make_parser().parse_args(shlex.split(example))


def test_classify_as_the_defaults_of_the_model_say(videos, capsys):
    path = str(videos / "walk" / "a.mp4")
    cli.main(["classify", path])
    printed = capsys.readouterr()
    assert printed.err == ""  # no bar where nobody looks
    recognizer = inference.trained_model("moving_camera").load()
    window = dict(num_segments=3, interval=2, hop=4)
    expected = list(inference.classify(path, recognizer, **window))
    assert len(expected) == 2
    assert printed.out.splitlines() == [
        f"{p.timestamp:8.2f} s  {p.confidence:6.1%}  {NAMES[p.label]}" for p in expected
    ]
    cli.main(["classify", path, "--segments", "2", "--interval", "1", "--hop", "2"])
    assert len(capsys.readouterr().out.splitlines()) == 6
    cli.main(["classify", path, "--whole"])
    whole = inference.classify_video(path, recognizer)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split() == ["1.10", "s", f"{whole.confidence:.1%}", NAMES[whole.label]]


def test_rows_for_other_programs(videos, tmp_path, capsys):
    path = str(videos / "walk" / "a.mp4")
    cli.main(["classify", path, "--json", "-", "--csv", str(tmp_path / "a.csv")])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    recognizer = inference.trained_model("moving_camera").load()
    window = dict(num_segments=3, interval=2, hop=4)
    expected = list(inference.classify(path, recognizer, **window))
    with open(tmp_path / "a.csv", newline="") as file:
        table = list(csv.DictReader(file))
    for row, flat, prediction in zip(rows, table, expected, strict=True):
        assert row["video"] == path and row["label"] == NAMES[prediction.label]
        assert (row["start"], row["time"]) == pytest.approx(
            (prediction.start, prediction.timestamp)
        )
        assert list(row["probabilities"]) == list(NAMES)
        np.testing.assert_allclose(
            list(row["probabilities"].values()), prediction.probabilities, atol=1e-6
        )
        assert row["confidence"] == max(row["probabilities"].values())
        kept = {key: value for key, value in row.items() if key != "probabilities"}
        assert flat == {key: str(value) for key, value in kept.items()}


def test_rows_of_objects(videos, tmp_path, capsys):
    path = str(videos / "walk" / "a.mp4")
    cli.main(["detect", path, "--csv", "-", "--json", str(tmp_path / "a.jsonl")])
    table = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").open()]
    detector = inference.trained_model("movers").load()
    options = dict(short_side=48, long_side=64, min_score=0.0)
    expected = list(inference.detect(path, detector, **options))
    assert len(rows) == len(expected) == 12
    for row, found in zip(rows, expected, strict=True):
        assert row["time"] == pytest.approx(found.timestamp)
        boxes = [thing["box"] for thing in row["objects"]]
        np.testing.assert_allclose(boxes, found.boxes, atol=0.006)
        labels = [thing["label"] for thing in row["objects"]]
        assert labels == [NAMES[label] for label in found.classes]
        assert [thing["track"] for thing in row["objects"]] == found.tracks.tolist()
    flat = [(row["time"], thing) for row in rows for thing in row["objects"]]
    assert len(table) == len(flat) > 12
    for line, (seconds, thing) in zip(table, flat, strict=True):
        box = [float(line[side]) for side in ("x1", "y1", "x2", "y2")]
        assert (float(line["time"]), box) == (seconds, thing["box"])
        assert float(line["score"]) == thing["score"]
        assert int(line["track"]) == thing["track"]


def test_many_videos_and_a_broken_one(videos, tmp_path, capsys):
    """The others are done; a rerun does what is left, and nothing else."""
    whole = (videos / "walk" / "a.mp4").read_bytes()
    (videos / "walk" / "a.mp4").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "out"
    arguments = ["classify", str(videos), "--json", str(out), "--output", str(out)]
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 1
    error = capsys.readouterr().err
    assert "3 videos: 2 done, 0 done before, 1 failed:\n" in error
    assert f"\n  {videos / 'walk' / 'a.mp4'}: " in error
    finished = ["run/a.jsonl", "run/a.mp4", "walk/b.jsonl", "walk/b.mp4"]
    assert names_of(out) == finished
    before = {name: (out / name).stat().st_mtime_ns for name in finished}

    (videos / "walk" / "a.mp4").write_bytes(whole)
    cli.main(arguments)
    assert "3 videos: 1 done, 2 done before, 0 failed." in capsys.readouterr().err
    assert names_of(out) == sorted([*finished, "walk/a.jsonl", "walk/a.mp4"])
    assert before == {name: (out / name).stat().st_mtime_ns for name in finished}
    cli.main(["show", "--confusion", str(out), "--output", str(tmp_path / "c.png")])
    matrix, names = inference.read_confusion(out)
    assert names == NAMES
    assert matrix.sum(axis=1).tolist() == [2, 1, 0]
    assert (tmp_path / "c.png").stat().st_size > 1000


def test_a_name_too_long_for_its_results_does_not_stop_the_others(tmp_path, capsys):
    """The suffix of the results is longer than that of the video."""
    long = "l" * 250
    for name in ("a.mp4", f"{long}.mp4", "z.mp4"):
        (tmp_path / name).touch()
    out = tmp_path / "out"
    words = ["classify", str(tmp_path), "--json", str(out)]
    arguments = cli.make_parser().parse_args(words)
    files = results.ResultFiles(arguments, "classify")

    def work(job):
        with files.open(job):
            pass

    for done, before in ((2, 0), (0, 2)):  # the second time the folder is there
        with pytest.raises(SystemExit):
            batch.run_jobs(batch.make_jobs(arguments, results.SUFFIXES), work)
        error = capsys.readouterr().err
        assert f"3 videos: {done} done, {before} done before, 1 failed:\n" in error
        assert f"\n  {tmp_path / long}.mp4: " in error and "too long" in error
    assert names_of(out) == ["a.jsonl", "z.jsonl"]


def test_restore_many(videos, tmp_path):
    files = [str(videos / "walk" / name) for name in ("a.mp4", "b.avi")]
    out = tmp_path / "out"
    cli.main(["restore", *files, "--model", "mpeg4_low", "--output", str(out)])
    assert names_of(out) == ["a.mp4", "b.mp4"]
    assert data.probe(out / "b.mp4").num_frames == 12
    cli.main(["restore", str(videos), "--model", "mpeg4_low", "--output", str(out)])
    assert names_of(out / "run") == ["a.mkv"]


def test_restore_a_folder_of_images(videos, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(2):
        image = np.full((16, 16, 3), 100 * number, np.uint8)
        PIL.Image.fromarray(image).save(folder / f"{number}.png")
    out = tmp_path / "out"
    arguments = ["restore", str(folder), "--model", "mpeg4_low", "--output", str(out)]
    cli.main(arguments)
    assert names_of(out) == ["0.png", "1.png"]
    with pytest.raises(SystemExit, match="--isolated is for video files.*images"):
        cli.main([*arguments, "--isolated"])
    cli.main(arguments)  # into the folder that is there now
    assert names_of(out) == ["0.png", "1.png", "images/0.png", "images/1.png"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["classify", "none.mp4"], "none.mp4: no such file"),
        (["classify", "none.mp4", "--model", "x"], "Expected a trained recognizer: "),
        (["classify", "a.mp4", "--whole", "--hop", "2"], "--whole has no use for"),
        (["classify", "a.mp4", "--whole", "--isolated"], "--whole has no use for"),
        (["classify", "0", "--isolated"], "--isolated is for video files. Received: 0"),
        (["classify", "a.mp4", "--seconds", "2"], "--seconds is for cameras"),
        (["classify", "a.mp4", "--json", "-", "--csv", "-"], "to be -, not both"),
        (["classify", "."], r"Expected videos or images in \.\. Found none"),
        (["classify", "v", "--output", "v/out"], "Expected --output outside v, or"),
        (["classify", "x/a.mp4", "y/a.avi", "--json", "out"], "would both be written"),
        (["detect", "a.mp4"], "Expected --output, --json or --csv"),
        (["restore", "0", "--model", "mpeg4_low", "--output", "b.mp4"], "0: no such"),
        (["show"], "Expected a video, or --confusion, and not both"),
        (["show", "--confusion", "none.npz"], "none.npz is not a file of scores"),
        (["show", "a.mp4", "--frame", "-1"], "Expected --frame to be at least 0.*: -1"),
        (["show", "a.mp4", "--interval", "0"], "Expected --interval to be at least 1"),
        (["show", "a.mp4", "--level", "2"], "--level is for --model, without --cam"),
        (
            ["show", "a.mp4", "--model", "m", "--cam", "--level", "2"],
            "--level is for --model, without --cam",
        ),
        (["show", "."], "is a folder. Expected a video file"),
        (["classify", "-"], "none is read from the standard input. Received: -"),
        (["classify", "0", "--seconds", "-1"], "--seconds to be above 0.*: -1.0"),
        (["classify", "0", "--seconds", "nan"], "--seconds to be above 0.*: nan"),
    ],
)
def test_bad_input_in_one_sentence(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "v" in arguments:
        (tmp_path / "v").mkdir()
        shutil.copy(data.sample_video("carphone_pristine.mp4"), tmp_path / "v/a.mp4")
    with pytest.raises(SystemExit, match=f"^offkeras: .*{message}"):
        cli.main(arguments)
    assert {path.name for path in tmp_path.iterdir()} <= {"v"}


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["detect", "--min-score", "2"], r"`min_score` to be 0 to 1\. Received: 2\.0"),
        (["detect", "--min-score", "nan"], "`min_score` to be 0 to 1"),
        (["detect", "--gap", "-1"], r"`gap` to be 0 seconds or more\. Received: -1"),
        (["detect", "--size", "0", "9"], "`short_side` to be 1 pixel or more"),
        (["detect", "--size", "9", "8"], r"`long_side` not less\. Received: 9, 8"),
        (
            ["classify", "--output", "OUT/a.xyz"],
            "Expected .*a.xyz to end in .mp4, .mkv",
        ),
        (["classify", "--output", "OUT/a"], "Expected .*OUT/a to end in .mp4, .mkv"),
        (["classify", "--output", "OUT/a.gif"], "a.gif to end in .*'gif' format does"),
        (["classify", "--output", "/proc/a.mp4"], "No such file .* '/proc/a.mp4'"),
        (["classify", "--json", "/proc/a"], "No such file or directory: '/proc/a'"),
        (
            ["restore", "--model", "mpeg4_low", "--output", "/proc/a.mp4"],
            "No such file or directory: '/proc/a.mp4'",
        ),
    ],
)
def test_bad_options_in_one_sentence(arguments, message, videos, tmp_path, capsys):
    """Before the first frame is looked at, and with nothing left behind."""
    video, out = str(videos / "walk" / "a.mp4"), tmp_path / "OUT"
    arguments = [item.replace("OUT", str(out)) for item in arguments]
    extra = ["--csv", "-"] if arguments[0] == "detect" else []
    with pytest.raises(SystemExit, match=f"^offkeras: .*{message}"):
        cli.main([arguments[0], video, *arguments[1:], *extra])
    assert len(capsys.readouterr().out.splitlines()) == len(extra) // 2
    assert not out.exists() or names_of(out) == []


def test_a_file_where_a_folder_of_results_goes(videos, tmp_path):
    (tmp_path / "a.json").write_text("old")
    with pytest.raises(SystemExit, match="--json to be a folder.*a.json, a file"):
        cli.main(["classify", str(videos), "--json", str(tmp_path / "a.json")])
    assert (tmp_path / "a.json").read_text() == "old"


@pytest.mark.parametrize(
    "command", [["classify"], ["detect"], ["restore", "--model", "mpeg4_low"]]
)
def test_frames_that_x264_cannot_encode(command, tmp_path):
    """Wider than H.264 is."""
    video = tmp_path / "wide.mkv"
    frames = [np.full((16, 17000, 3), 9 * i, np.uint8) for i in range(9)]
    data.write_video(video, frames, fps=10, codec="ffv1")
    output = tmp_path / "out.mp4"
    with pytest.raises(SystemExit, match="libx264 cannot encode frames of 17000x16"):
        cli.main([*command, str(video), "--output", str(output)])
    assert names_of(tmp_path) == ["wide.mkv"]


@pytest.mark.parametrize("command", ["classify", "detect", "restore"])
@pytest.mark.parametrize(
    "name, options",
    [
        ("phone.mp4", {"rotation": 90}),
        ("ten bits.mkv", {"pixel_format": "yuv420p10le"}),
        ("4:4:4.mp4", {"pixel_format": "yuv444p"}),
        ("uneven.mp4", {"durations": [40, 5, 300, 7, 90] * 4}),
        ("web.webm", {"codec": "libvpx-vp9"}),
        ("ä 日本.gif", {"codec": "gif", "pixel_format": "rgb8"}),
    ],
)
def test_videos_of_every_kind(command, name, options, encode, tmp_path):
    """As a player shows them: upright, and every frame."""
    video, output = encode(name, num_frames=20, **options), tmp_path / "aus gabe.mp4"
    extra = ["--model", "mpeg4_low"] if command == "restore" else []
    cli.main([command, video, "--output", str(output), *extra])
    info = data.probe(output)
    size = (96, 64) if name == "phone.mp4" else (64, 96)
    assert (info.num_frames, info.height, info.width) == (20, *size)
    assert info.duration == pytest.approx(data.probe(video).duration, rel=0.02)


def test_the_video_itself_is_never_written_to(videos):
    path = videos / "walk" / "a.mp4"
    before = path.read_bytes()
    for command in (["classify"], ["detect"], ["restore", "--model", "mpeg4_low"]):
        with pytest.raises(SystemExit, match="another file than the video"):
            cli.main([*command, str(path), "--output", str(path)])
    assert path.read_bytes() == before


def test_isolated_gives_the_same(videos, capsys):
    path = str(videos / "walk" / "a.mp4")
    printed = []
    for extra in ([], ["--isolated"]):
        cli.main(["classify", path, "--json", "-", *extra])
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != ""
    assert isinstance(_first_source(path, "--isolated"), inference.Isolated)
    (videos / "walk" / "a.mp4").write_bytes(b"no video")
    with pytest.raises(SystemExit, match="a.mp4: not a readable video"):
        cli.main(["classify", path, "--isolated"])


def _first_source(*arguments):
    parsed = cli.make_parser().parse_args(["classify", *arguments])
    return batch.make_jobs(parsed, {})[0].source


def test_hidden_videos_are_left_out(videos, tmp_path):
    shutil.move(videos / "walk", videos / ".walk")
    (videos / "run" / ".a.partial.mkv").write_bytes(b"")
    cli.main(["classify", str(videos), "--csv", str(tmp_path / "out")])
    assert names_of(tmp_path / "out") == ["run/a.csv"]


def test_a_folder_of_videos_and_images(videos):
    (videos / "poster.jpg").write_bytes(b"")
    with pytest.raises(SystemExit, match="a folder of images.*which holds both"):
        cli.main(["classify", str(videos)])


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_an_interrupt_leaves_nothing_half_written(
    number, status, videos, tmp_path, monkeypatch
):
    def interrupted(*args):
        yield next(inference.iterate_source(videos / "walk" / "a.mp4"))
        os.kill(os.getpid(), number)
        yield from inference.iterate_source(videos / "walk" / "a.mp4")

    module = importlib.import_module("offkeras.inference.segments")
    monkeypatch.setattr(module, "iterate_source", interrupted)
    out = tmp_path / "out"
    # A shell lets what runs in the background ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(SystemExit) as stop:
            cli.main(
                ["classify", str(videos), "--json", str(out), "--output", str(out)]
            )
    finally:
        signal.signal(signal.SIGINT, before)
    assert stop.value.code == status
    assert names_of(out) == []


def test_cam(videos, tmp_path):
    path = str(videos / "walk" / "a.mp4")
    for extra in ([], ["run"]):
        out = tmp_path / f"cam{len(extra)}.png"
        cli.main(["show", path, "--output", str(out), "--cam", *extra])
        assert out.stat().st_size > 1000
    with pytest.raises(SystemExit, match=r"one of \('walk', .*Received: swim"):
        cli.main(["show", path, "--cam", "swim"])


def test_a_reader_that_has_enough(videos, saved):
    """`offkeras classify ... | head -1` ends without a traceback."""
    code = (
        "import sys; from offkeras import cli; from offkeras.inference import trained;"
        "import pathlib; trained.SHIPPED = pathlib.Path(sys.argv.pop(1));"
        "cli.main()"
    )
    path = data.sample_video("carphone_pristine.mp4")
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(saved), "classify", path, "--json", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert json.loads(process.stdout.readline())["video"] == path
    process.stdout.close()
    error = process.stderr.read().decode()
    assert process.wait() == 1
    assert "Traceback" not in error and "Exception ignored" not in error


def test_tensorflow_does_not_talk_into_the_command():
    """No more than with its log switched off, which its newest versions half ignore."""
    script = [Path(sys.executable).with_name("offkeras")]
    module = [sys.executable, "-m", "offkeras"]
    variable = "TF_CPP_MIN_LOG_LEVEL"
    unset = {name: value for name, value in os.environ.items() if name != variable}
    default, silent = (
        subprocess.run(
            [*command, "--help"], env=env, capture_output=True, text=True, check=True
        )
        for command, env in ((script, unset), (module, {**unset, variable: "3"}))
    )
    assert len(default.stderr.splitlines()) == len(silent.stderr.splitlines())
    assert default.stdout == silent.stdout
    assert all(name in default.stdout for name in COMMANDS)
