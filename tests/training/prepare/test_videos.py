import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from offkeras import data
from offkeras.data.actions import shards
from offkeras.training.prepare import videos as prepare_videos
from tests.support import action_miniatures as miniatures

SMALL = ("--height", "48", "--width", "64")


def run(videos, out, *options):
    prepare_videos.main(
        ["--videos", str(videos), "--out", str(out), "--workers", "1", *SMALL, *options]
    )


def contents(folder):
    """SHA-256 of every file of a folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(folder).iterdir())
    }


@pytest.fixture
def folder(tmp_path):
    """Six short videos in two classes."""
    for label, name in enumerate(("run", "wave")):
        for i in range(3):
            miniatures.write_video(
                tmp_path / f"videos/{name}/{i} #a.avi",
                direction=miniatures.DIRECTIONS[label],
                num_frames=4 + i,
                texture=i,
            )
    return tmp_path / "videos"


def test_a_folder_of_videos(folder, tmp_path, capsys):
    out = tmp_path / "out"
    run(folder, out, "--flow", "dis", "--videos-per-shard", "4")
    videos = data.PreparedVideos.open(out, verify=True)
    assert videos.class_names == ("run", "wave") and videos.flow == "dis"
    assert videos.names == tuple(
        f"{c}/{i} #a.avi" for c in videos.class_names for i in range(3)
    )
    assert videos.labels == (0, 0, 0, 1, 1, 1)
    assert [v.num_frames for v in videos.videos] == [4, 5, 6, 4, 5, 6]
    assert [v.shard[:12] for v in videos.videos] == ["videos-00000"] * 4 + [
        "videos-00001"
    ] * 2
    assert "6 videos, 0 failures" in capsys.readouterr().out
    for path in out.glob("*.index"):  # every range is a JPEG
        record = path.with_suffix(".tfrecord").read_bytes()
        rows = np.frombuffer(path.read_bytes(), "<i8").reshape(-1, 3)
        for begin, end, crc in rows:
            assert zlib.crc32(record[begin:end]) == crc
            assert record[begin : begin + 2] == b"\xff\xd8"
            assert record[end - 2 : end] == b"\xff\xd9"
    # Again: nothing is written anew but the manifest.
    before = {p: p.stat().st_mtime_ns for p in out.iterdir() if p.name[:2] == "vi"}
    run(folder, out, "--flow", "dis", "--videos-per-shard", "4")
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert "6 are prepared already" in capsys.readouterr().out


@pytest.mark.parametrize("dataset", ["ucf101", "hmdb51"])
def test_official_sets_are_prepared_for_every_split(dataset, tmp_path):
    write = getattr(miniatures, f"write_{dataset}")
    videos, lists = write(tmp_path)
    run(videos, tmp_path / "out", "--dataset", dataset, "--lists", str(lists))
    for split in (1, 2, 3):
        parts = getattr(data, dataset)(videos, lists, split=split)
        for part in (parts.train, parts.test):
            opened = data.PreparedVideos.open(tmp_path / "out", part)
            assert opened.names == tuple(v.name for v in part)
            assert [v.group for v in opened.videos] == [v.group for v in part]
            frames, _ = next(iter(opened.evaluate(batch_size=2, size=28)))
            assert frames.shape == (2, 25, 28, 28, 3)
    assert len(data.PreparedVideos.open(tmp_path / "out")) == 32


def test_lists_as_of_tsn(folder, tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "classes.txt").write_text("run\nwave\n")
    (lists / "train.txt").write_text("run/0 #a.avi 4 0\nwave/0 #a.avi 4 1\n")
    (lists / "test.txt").write_text("wave/2 #a.avi 6 1\n")
    run(folder, tmp_path / "out", "--dataset", "list", "--lists", str(lists))
    videos = data.PreparedVideos.open(tmp_path / "out")
    assert videos.names == ("run/0 #a.avi", "wave/0 #a.avi", "wave/2 #a.avi")


def break_three(folder):
    """A truncated, an empty and a foreign file."""
    cut, empty, text = sorted(folder.rglob("*.avi"))[:3]
    content = cut.read_bytes()
    cut.write_bytes(content[: int(len(content) * 0.8)])
    empty.write_bytes(b"")
    text.write_text("no video " * 100)
    names = [str(path.relative_to(folder)) for path in (cut, empty, text)]
    return names, ("frame ", "the file is empty", "not a readable video")


def check_failures(output, names, reasons):
    for name, reason in zip(names, reasons, strict=True):
        (line,) = [x for x in output.splitlines() if x.startswith(f"failed: {name}: ")]
        assert reason in line
    assert output.count("failed: ") == 3 and ", 3 failures" in output


def test_broken_videos_are_listed_and_nothing_else_is_lost(folder, tmp_path, capsys):
    whole, out = tmp_path / "whole", tmp_path / "out"
    options = ("--videos-per-shard", "2")
    run(folder, whole, *options)
    copies = {path: path.read_bytes() for path in folder.rglob("*.avi")}
    names, reasons = break_three(folder)
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        run(folder, out, *options)
    assert caught.value.code == 1
    check_failures(capsys.readouterr().out, names, reasons)
    run(folder, out, *options, "--on-error", "skip")  # the same, but no error
    check_failures(capsys.readouterr().out, names, reasons)

    with pytest.raises(ValueError) as caught:
        data.PreparedVideos.open(out)
    assert str(caught.value).startswith("3 of 6 videos do not fit")
    for name, reason in zip(names, reasons, strict=True):
        assert f"{name}: " in str(caught.value) and reason in str(caught.value)
    videos = data.PreparedVideos.open(out, on_error="skip")
    assert len(videos) == 3 and [name for name, _ in videos.skipped] == names

    # Repaired, the same command completes the folder.
    for path, content in copies.items():
        path.write_bytes(content)
    run(folder, out, *options)
    assert contents(out) == contents(whole)


def test_a_missing_file_of_a_list_is_a_failure(tmp_path, capsys):
    videos, lists = miniatures.write_ucf101(tmp_path, groups=3, clips=1)
    (videos / "YoYo/v_YoYo_g02_c01.avi").unlink()
    options = ("--dataset", "ucf101", "--lists", str(lists))
    with pytest.raises(SystemExit):
        run(videos, tmp_path / "out", *options)
    output = capsys.readouterr().out
    assert "failed: YoYo/v_YoYo_g02_c01.avi: no such file." in output
    assert "11 videos, 1 failures" in output


def test_a_killed_shard_is_never_taken_for_whole(folder, tmp_path, monkeypatch):
    whole = tmp_path / "whole"
    options = ("--videos-per-shard", "2", "--flow", "dis")
    run(folder, whole, *options)

    class Killed(BaseException):
        pass

    replace = os.replace
    # Stop before each step that brings a file under its name: options.json, three
    # files for each of three shards, manifest.json.
    for step in range(1 + 3 * 3 + 1):
        out = tmp_path / f"out{step}"
        steps = iter(range(step + 1))

        def stop(source, target, steps=steps, step=step):
            if next(steps) == step:
                raise Killed
            replace(source, target)

        monkeypatch.setattr(os, "replace", stop)
        with pytest.raises(Killed):
            run(folder, out, *options)
        monkeypatch.setattr(os, "replace", replace)
        with pytest.raises(ValueError, match="Expected manifest.json"):
            data.PreparedVideos.open(out)
        run(folder, out, *options)
        assert contents(out) == contents(whole)


def test_a_resumed_run_has_the_same_options(folder, tmp_path):
    out = tmp_path / "out"
    run(folder, out)
    with pytest.raises(SystemExit) as caught:
        run(folder, out, "--flow", "dis", "--quality", "80")
    message = str(caught.value)
    assert f"{out} was begun with other options" in message
    assert "flow: 'none' then, 'dis' now" in message
    assert "quality: 95 then, 80 now" in message and "height" not in message
    run(folder, out, "--on-error", "skip")  # not a matter of bytes
    options = json.loads((out / "options.json").read_text())
    del options["vectors"]  # as folders have it that are older than these
    (out / "options.json").write_text(json.dumps(options))
    run(folder, out)
    miniatures.write_video(folder / "run/new.avi", num_frames=3)
    with pytest.raises(SystemExit, match="videos_sha256"):
        run(folder, out)


@pytest.mark.parametrize(
    "options, message",
    [
        (("--dataset", "kinetics"), "Expected --dataset to be one of"),
        (("--on-error", "ignore"), "Expected --on-error to be one of"),
        (("--dataset", "ucf101"), "--lists is needed for --dataset ucf101"),
        (("--dataset", "ucf101", "--lists", "nowhere"), "classInd.txt is missing"),
        (("--workers", "0"), "Expected --workers of at least 1"),
        (("--flow", "farneback"), "Expected flow to be one of"),
        (("--aspect", "crop"), "Expected aspect to be one of"),
        (
            ("--videos", "nowhere"),
            "Expected a folder of class folders. Received: nowhere",
        ),
    ],
)
def test_wrong_options_are_named(options, message, folder, tmp_path):
    with pytest.raises(SystemExit, match=message):
        run(folder, tmp_path / "out", *options)


def test_aspect_is_kept_on_request(folder, tmp_path):
    run(folder, tmp_path / "out", "--aspect", "keep", "--height", "24")
    paths = [str(path) for path in (tmp_path / "out").glob("*.tfrecord")]
    record = next(tf.data.TFRecordDataset(paths).as_numpy_iterator())
    context = tf.train.SequenceExample.FromString(record).context.feature
    found = [context[name].int64_list.value[0] for name in ("height", "width")]
    assert found == [24, 32]


def test_results_come_in_order_from_few_jobs_ahead():
    drawn = []

    def jobs():
        for n in range(5):
            drawn.append(n)
            yield (n,)

    results = prepare_videos.in_order(lambda n: n * n, jobs(), workers=1)
    assert next(results) == 0 and len(drawn) == 1
    assert list(results) == [1, 4, 9, 16]


def command(videos, out):
    options = ["--videos", str(videos), "--out", str(out), "--workers", "2", *SMALL]
    options += ["--flow", "tvl1", "--videos-per-shard", "3", "--on-error", "skip"]
    return [sys.executable, "-m", "training.prepare_videos", *options]


@pytest.mark.slow
def test_three_kills_do_not_change_a_bit(tmp_path):
    """40 clips, two workers; three SIGKILLs at random moments of the work."""
    for i in range(40):
        miniatures.write_video(
            tmp_path / f"videos/{'ab'[i % 2]}/{i:02}.avi",
            direction=miniatures.DIRECTIONS[i % 4],
            num_frames=20 + i % 7,
            texture=i,
        )
    names, reasons = break_three(tmp_path / "videos")
    whole, out = tmp_path / "whole", tmp_path / "out"
    root = Path(__file__).parents[3]
    start = time.monotonic()
    done = subprocess.run(
        command(tmp_path / "videos", whole), cwd=root, capture_output=True, text=True
    )
    seconds = time.monotonic() - start
    assert done.returncode == 0, done.stderr
    check_failures(done.stdout, names, reasons)

    rng = random.Random(0)
    counts = []
    for _ in range(3):
        before = len(list(out.glob("*.json")))
        process = subprocess.Popen(
            command(tmp_path / "videos", out), cwd=root, stdout=subprocess.DEVNULL
        )
        # Not before this run has brought a shard under its name.
        deadline = time.monotonic() + 10 * seconds
        while len(list(out.glob("*.json"))) <= before:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.03 * seconds))
        assert process.poll() is None, "it finished before it was killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (out / shards.MANIFEST).exists()
        counts.append(len(list(out.glob("*.tfrecord"))))
    assert counts == sorted(counts) and counts[-1] < 14
    done = subprocess.run(
        command(tmp_path / "videos", out), cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    check_failures(done.stdout, names, reasons)
    assert contents(out) == contents(whole)
    manifest = json.loads((out / shards.MANIFEST).read_text())
    assert sum(len(s["videos"]) for s in manifest["shards"]) == 37
    assert manifest["options"]["flow"] == "tvl1"
