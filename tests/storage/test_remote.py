"""Datasets on an S3 server (moto's) and on web servers, all on loopback."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from offkeras import data
from offkeras.data.restoration import septuplet_files
from offkeras.storage import remote as storage
from offkeras.training.prepare import videos as prepare_videos
from tests.support import action_miniatures, streams, vid_miniature
from tests.support.servers import object_store

SIZE = 28
CLIPS = dict(batch_size=4, num_segments=3, size=SIZE)


def has_s3():
    try:
        storage.connect("s3://bucket")
    except ImportError:
        return False
    return True


needs_s3 = pytest.mark.skipif(not has_s3(), reason="no native tensorflow-io")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Folder of prepared videos: 12 in 3 shards."""
    root = tmp_path_factory.mktemp("ucf")
    videos, lists = action_miniatures.write_ucf101(root, groups=3, clips=1)
    arguments = ["--dataset", "ucf101", "--videos", videos, "--lists", lists]
    arguments += ["--out", root / "shards", "--height", 32, "--width", 40]
    arguments += ["--videos-per-shard", 4, "--workers", 1]
    prepare_videos.main([str(a) for a in arguments])
    return root / "shards"


@pytest.fixture(scope="module")
def proxy():
    """A proxy before an S3 server, which TensorFlow finds by the environment."""
    with object_store.serve() as address, pytest.MonkeyPatch.context() as patch:
        proxy = object_store.Proxy(address)
        proxy.server = address
        for name, value in object_store.variables(proxy.address).items():
            patch.setenv(name, value)
        yield proxy
        proxy.close()


@pytest.fixture(scope="module")
def remote(proxy, shards):
    """The prepared videos in the bucket."""
    object_store.upload(proxy.server, shards, "ucf101/shards")
    return "s3://videos/ucf101/shards"


def batches(dataset):
    """Every batch, flattened to a list of arrays."""
    return [tf.nest.flatten(batch) for batch in dataset.as_numpy_iterator()]


def check_equal(found, expected):
    found, expected = batches(found), batches(expected)
    assert len(found) == len(expected) > 0
    for arrays in zip(found, expected, strict=True):
        for a, b in zip(*arrays, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_local_path_needs_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_io", None)
    for path in ("folder", "/folder/", "a:b", ""):
        assert storage.connect(path) == path and not storage.is_remote(path)
    assert storage.is_remote("s3://bucket/folder")


def test_unknown_schemes_are_refused():
    with pytest.raises(ValueError, match="begins with gs://, s3://, .*ftp://host/x"):
        storage.connect("ftp://host/x")


def test_without_native_tensorflow_io_the_error_names_the_set_that_has_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_io", None)  # an ImportError
    monkeypatch.setattr(tf.io.gfile, "get_registered_schemes", lambda: ["", "gs"])
    assert storage.connect("gs://bucket/folder/") == "gs://bucket/folder"
    for path in ("s3://bucket", "hdfs://host/x", "http://host/x"):
        with pytest.raises(ImportError, match=r"pip install -r requirements\.txt"):
            data.PreparedVideos.open(path)


def test_what_a_local_file_system_says(tmp_path):
    assert storage.size(tmp_path / "none") is None
    with pytest.raises(FileNotFoundError, match="none is missing"):
        storage.names(str(tmp_path / "none"))
    (tmp_path / "source").write_bytes(b"content")
    target = str(tmp_path / "new/target")
    storage.put(str(tmp_path / "source"), target)
    assert storage.names(str(tmp_path / "new")) == ["target"]
    assert storage.read_bytes(target) == b"content" and storage.size(target) == 7
    with storage.local_copy(target) as path:
        assert path == target


@needs_s3
def test_prepared_videos_are_the_same_from_s3(remote, shards, proxy):
    near, far = data.PreparedVideos.open(shards), data.PreparedVideos.open(remote + "/")
    assert far.root == remote and far.is_remote and not near.is_remote
    assert far.videos == near.videos and len(far) == 12
    data.PreparedVideos.open(remote, verify=True)
    train = dict(CLIPS, modality="rgb_diff", seed=1, epochs=3, initial_epoch=1)
    check_equal(streams.train(far, **train), streams.train(near, **train))
    proxy.delay, proxy.most_waiting = 0.2, 0
    try:
        found = batches(far.evaluate(**CLIPS))
    finally:
        proxy.delay = 0
    expected = batches(near.evaluate(**CLIPS))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
    assert proxy.most_waiting > 2  # requests of many clips, at the same time


@needs_s3
def test_a_cut_connection_is_an_error_and_never_fewer_samples(remote, shards, proxy):
    far = data.PreparedVideos.open(remote)
    proxy.cut_after = proxy.passed + 30_000
    try:
        with pytest.raises(tf.errors.OpError, match="s3://videos/ucf101/.* failed: "):
            batches(far.evaluate(**CLIPS))
    finally:
        proxy.cut_after = None
    near = data.PreparedVideos.open(shards)
    check_equal(far.evaluate(**CLIPS), near.evaluate(**CLIPS))


@needs_s3
def test_missing_and_broken_shards_in_s3_are_named(remote, shards, proxy):
    with pytest.raises(ValueError, match="there is no bucket s3://other"):
        data.PreparedVideos.open("s3://other/folder")
    with pytest.raises(ValueError, match="Expected manifest.json in s3://videos/none"):
        data.PreparedVideos.open("s3://videos/none")
    object_store.upload(proxy.server, shards, "broken")
    s3 = object_store.client(proxy.server)
    s3.delete_object(Bucket="videos", Key="broken/videos-00000-of-00003.tfrecord")
    s3.put_object(Bucket="videos", Key="broken/videos-00001-of-00003.index", Body=b"")
    with pytest.raises(ValueError, match=r"2 broken(.|\n)*00000.*missing(.|\n)*00001"):
        data.PreparedVideos.open("s3://videos/broken")
    far = data.PreparedVideos.open(remote)
    s3.copy_object(
        Bucket="videos",
        Key="gone/x",
        CopySource="videos/ucf101/shards/videos-00002-of-00003.tfrecord",
    )
    s3.delete_object(
        Bucket="videos", Key="ucf101/shards/videos-00002-of-00003.tfrecord"
    )
    try:
        with pytest.raises(tf.errors.OpError, match="00002-of-00003.* is missing"):
            batches(far.evaluate(**CLIPS))
    finally:
        s3.copy_object(
            Bucket="videos",
            Key="ucf101/shards/videos-00002-of-00003.tfrecord",
            CopySource="videos/gone/x",
        )


@needs_s3
def test_septuplets_are_the_same_from_s3(proxy, tmp_path):
    rng = np.random.default_rng(0)
    for folder in (septuplet_files.CLEAN, "mjpeg_q9"):
        for clip in ("00001/0001", "00001/0002"):
            frames = rng.integers(0, 256, (7, 12, 16, 3), np.uint8)
            septuplet_files.write_clip(tmp_path / folder / clip, frames)
    septuplet_files.write_list(tmp_path, "train", ["00001/0001", "00001/0002"])
    object_store.upload(proxy.server, tmp_path, "septuplets")
    near, far = (
        data.Septuplets.open(root, degraded="mjpeg_q9")
        for root in (tmp_path, "s3://videos/septuplets")
    )
    check_equal(far.evaluate(), near.evaluate())
    crops = dict(batch_size=2, crop=8, epochs=2)
    check_equal(streams.train(far, **crops), streams.train(near, **crops))
    object_store.client(proxy.server).delete_object(
        Bucket="videos", Key="septuplets/mjpeg_q9/00001/0002/im3.png"
    )
    with pytest.raises(ValueError, match="s3://videos/.*0002/im3.png is missing"):
        data.Septuplets.open("s3://videos/septuplets", degraded="mjpeg_q9")
    with pytest.raises(ValueError, match="sep_testlist.txt. Found no such file"):
        data.Septuplets.open(
            "s3://videos/septuplets", degraded="mjpeg_q9", split="test"
        )


@needs_s3
def test_detection_frames_are_the_same_from_s3(proxy, tmp_path):
    vid_miniature.write_miniature(tmp_path)
    object_store.upload(proxy.server, tmp_path, "vid")
    lists = ["VID_val_videos", "DET_train_30classes"]
    near, far = (
        data.load_imagenet_vid(root, lists, keep_empty=True)
        for root in (tmp_path, "s3://videos/vid")
    )
    sides = dict(short_side=40, long_side=80)
    check_equal(far.evaluate(**sides), near.evaluate(**sides))
    key = "vid/Data/VID/val/two/000001.JPEG"
    object_store.client(proxy.server).delete_object(Bucket="videos", Key=key)
    with pytest.raises(ValueError, match="s3://videos/vid/.*000001.JPEG is missing"):
        data.load_imagenet_vid("s3://videos/vid", lists)


@needs_s3
@pytest.mark.parametrize("ranges", [True, False])
def test_a_web_server_needs_byte_ranges(ranges, shards):
    with object_store.serve_folder(shards, ranges=ranges) as address:
        far = data.PreparedVideos.open(address)
        if ranges:
            near = data.PreparedVideos.open(shards)
            check_equal(far.evaluate(**CLIPS), near.evaluate(**CLIPS))
        else:
            with pytest.raises(tf.errors.OpError, match="http://127.* failed: "):
                batches(far.evaluate(**CLIPS))


SCRIPT = """
import tensorflow as tf
from offkeras.data import order
from offkeras.storage import remote as storage

def read(index):
    return storage.read_bytes("s3://videos/hello")

print("begins")
try:
    storage.connect("s3://videos")
    print(read(0))
except OSError as error:
    print(type(error).__name__, error)
    raise SystemExit(3)
content = order.mapped(
    tf.data.Dataset.range(500),
    lambda index: tf.numpy_function(read, [index], tf.string),
    remote=True,
)
for value in content.prefetch(500):
    raise ValueError("while others are read")
"""


def run_script(address):
    """Runs a process that reads from S3 and ends by itself."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={
            **os.environ,
            **object_store.variables(address),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        capture_output=True,
        text=True,
    )


# Without the handler of `connect` such processes abort: their status is 134.
@needs_s3
@pytest.mark.slow
def test_a_process_that_used_s3_ends_as_it_would(proxy):
    proxy.delay = 0.1
    try:
        result = run_script(proxy.address)
    finally:
        proxy.delay = 0
    assert result.stdout == "begins\nb'hello from S3'\n"
    assert result.stderr.endswith("ValueError: while others are read\n")
    assert result.returncode == 1


@needs_s3
def test_wrong_credentials_are_said_to_be_wrong():
    with object_store.serve(refuse=True) as address:
        result = run_script(address)
    assert "PermissionError s3://videos/hello is refused" in result.stdout
    assert result.stderr == "" and result.returncode == 3
