"""Training on prepared videos in S3: the losses are those from the disk."""

import numpy as np
import pytest

from offkeras.training.prepare import videos as prepare_videos
from tests.support import action_miniatures, training_miniatures
from tests.support.servers import object_store

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Folder of the shards and the lists of a small UCF-101."""
    root = tmp_path_factory.mktemp("ucf")
    videos, lists = action_miniatures.write_ucf101(root, groups=3, clips=1)
    options = ["--dataset", "ucf101", "--videos", videos, "--lists", lists]
    options += ["--out", root / "shards", "--height", 48, "--width", 64, "--workers", 1]
    prepare_videos.main([str(o) for o in options])
    return root / "shards", lists


def train(data, lists, output, *more, **environment):
    """Five epochs of two steps in a process of its own: its status and output."""
    options = ["--dataset", "ucf101", "--data", str(data), "--lists", str(lists)]
    options += ["--batch-size", "4", "--validation-fraction", "0", *more]
    runs = [("action", output, options)]
    process = training_miniatures.start(output, runs, **environment)
    text, _ = process.communicate()
    return process.returncode, text


def log(output):
    (path,) = output.glob("*/log.csv")
    return path.read_text()


def test_the_same_losses_from_s3_also_after_a_cut_connection(prepared, tmp_path):
    shards, lists = prepared
    disk, store = tmp_path / "disk", tmp_path / "store"
    status, text = train(shards, lists, disk)
    assert status == 0, text
    assert log(disk).count("\n") == 1 + 5

    with object_store.serve() as address:
        object_store.upload(address, shards, "shards")
        proxy = object_store.Proxy(address)
        environment = object_store.variables(proxy.address)
        proxy.cut_after = 8_000_000  # a fourth of all
        status, text = train("s3://videos/shards", lists, store, **environment)
        assert status == 1
        assert "s3://videos/shards/videos-00000-of-00001 failed: " in text
        assert "pure virtual" not in text
        proxy.cut_after = None
        status, text = train(
            "s3://videos/shards", lists, store, "--resume", **environment
        )
        assert status == 0, text
    assert log(store) == log(disk)
    assert (store / "results.csv").read_text() == (disk / "results.csv").read_text()
    weights = [training_miniatures.last_checkpoint(output) for output in (disk, store)]
    assert weights[0].keys() == weights[1].keys()
    for name, array in weights[0].items():
        np.testing.assert_array_equal(weights[1][name], array)
