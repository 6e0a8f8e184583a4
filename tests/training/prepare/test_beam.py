"""Apache Beam writes the very files of the local command."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from offkeras import data
from offkeras.data import beam
from offkeras.data.restoration import septuplet_files
from offkeras.training.prepare import compression as prepare_compression
from offkeras.training.prepare import moving_objects as prepare_moving_objects
from offkeras.training.prepare import videos as prepare_videos
from tests.support import action_miniatures
from tests.support.servers import object_store

RUNNER = "--runner=DirectRunner"


def contents(folder):
    """Bytes of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def test_without_beam_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(ImportError, match=r"pip install 'offkeras\[beam\]'"):
        beam.for_each(print, [1], options=RUNNER)


def write_videos(root):
    """Six short videos in two classes; the last is broken."""
    for label, name in enumerate(("run", "wave")):
        for i in range(3):
            action_miniatures.write_video(
                root / f"{name}/{i}.avi",
                direction=action_miniatures.DIRECTIONS[label],
                num_frames=4 + i,
            )
    (root / "wave/2.avi").write_bytes(b"no video")


@pytest.fixture
def videos(tmp_path):
    write_videos(tmp_path / "videos")
    return [
        *("--videos", str(tmp_path / "videos"), "--flow", "dis", "--on-error", "skip"),
        *("--height", "32", "--width", "40", "--videos-per-shard", "2"),
    ]


def test_videos(videos, tmp_path, capsys):
    pytest.importorskip("apache_beam")
    prepare_videos.main([*videos, "--out", str(tmp_path / "local"), "--workers", "1"])
    out = tmp_path / "beam"
    prepare_videos.main([*videos, "--out", str(out), f"--beam={RUNNER}"])
    assert contents(out) == contents(tmp_path / "local") and len(contents(out)) == 11
    assert len(data.PreparedVideos.open(out, on_error="skip", verify=True)) == 5
    assert "failed: wave/2.avi: " in capsys.readouterr().out
    # A killed pipeline goes on: one shard is done, one is missing.
    kept = out / "videos-00000-of-00003.tfrecord"
    before = kept.stat().st_mtime_ns
    for path in out.glob("videos-00001*"):
        path.unlink()
    prepare_videos.main([*videos, "--out", str(out), f"--beam={RUNNER}"])
    assert contents(out) == contents(tmp_path / "local")
    assert kept.stat().st_mtime_ns == before


def test_septuplets(tmp_path):
    pytest.importorskip("apache_beam")
    rng = np.random.default_rng(0)
    for folder in ("local", "beam"):
        rng = np.random.default_rng(0)
        clips = ["00001/0001", "00001/0002", "00002/0001"]
        for clip in clips:
            coarse = rng.integers(0, 256, (7, 4, 4, 3), np.uint8)
            frames = coarse.repeat(8, 1).repeat(8, 2)
            septuplet_files.write_clip(tmp_path / folder / "sequences" / clip, frames)
        septuplet_files.write_list(tmp_path / folder, "train", clips)
    options = ["--codec", "mjpeg", "--quality", "20", "--workers", "1"]
    prepare_compression.main([*options, "--data", str(tmp_path / "local")])
    options.append(f"--beam={RUNNER}")
    prepare_compression.main([*options, "--data", str(tmp_path / "beam")])
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")
    assert len(contents(tmp_path / "beam/mjpeg_q20")) == 3 * 7 + 1


@pytest.mark.slow
def test_detection_frames(tmp_path):
    pytest.importorskip("apache_beam")
    options = ["--train", "2", "--validation", "1", "--test", "1", "--workers", "1"]
    prepare_moving_objects.main([*options, "--out", str(tmp_path / "local")])
    options.append(f"--beam={RUNNER}")
    prepare_moving_objects.main([*options, "--out", str(tmp_path / "beam")])
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")
    frames = 2 * 6 + 12 + 12
    assert len(list((tmp_path / "beam").rglob("*.JPEG"))) == frames


@pytest.mark.slow
def test_videos_from_and_to_an_object_store(tmp_path):
    """In a process of its own: its workers read videos from S3 and write there."""
    pytest.importorskip("apache_beam")
    videos, lists = action_miniatures.write_ucf101(tmp_path, groups=3, clips=1)
    options = ["--dataset", "ucf101", "--lists", str(lists), "--height", "32"]
    options += ["--width", "40", "--videos-per-shard", "5", "--workers", "1"]
    local = tmp_path / "local"
    prepare_videos.main([*options, "--videos", str(videos), "--out", str(local)])
    with object_store.serve() as address:
        object_store.upload(address, videos, "UCF-101")
        subprocess.run(
            [
                *(sys.executable, "-m", "training.prepare_videos", *options),
                *("--videos", "s3://videos/UCF-101", "--out", "s3://videos/shards"),
                f"--beam={RUNNER}",
            ],
            env={**os.environ, **object_store.variables(address)},
            check=True,
        )
        object_store.download(address, "shards", tmp_path / "remote")
    assert contents(tmp_path / "remote") == contents(local)
