"""The file system `ram` of TensorFlow stands in for an object store."""

import dataclasses
import uuid

import pytest
import tensorflow as tf

from offkeras.storage import remote as storage
from offkeras.training.replicas import remote_output as mirror


@pytest.fixture
def remote(monkeypatch):
    monkeypatch.setattr(storage, "connect", lambda path: path)
    return f"ram://store/{uuid.uuid4().hex}/run"


@dataclasses.dataclass(frozen=True)
class Options:
    output: str


def test_a_local_folder_stays_what_it_is(tmp_path):
    o = Options(str(tmp_path))
    with mirror.local_output(o) as found:
        assert found is o
        mirror.upload()


def test_a_run_in_a_store_goes_on_where_it_was(remote, monkeypatch):
    order = []
    put = storage.put
    monkeypatch.setattr(
        storage,
        "put",
        lambda source, target: (order.append(target), put(source, target)),
    )

    def names():
        found, order[:] = [name.removeprefix(f"{remote}/") for name in order], []
        return found

    with (
        pytest.raises(KeyboardInterrupt),
        mirror.local_output(Options(remote)) as o,
    ):
        folder = mirror.Path(o.output)
        assert folder.name == "run" and not folder.exists()
        (folder / "stage").mkdir(parents=True)
        checkpoint = folder / "stage" / "last.weights.h5"
        checkpoint.write_bytes(b"epoch 1")
        (folder / "stage" / "log.csv").write_text("epoch,loss\n0,1.5\n")
        (folder / "z").write_text("z")
        mirror.upload(last=checkpoint)
        assert names() == ["stage/log.csv", "z", "stage/last.weights.h5"]
        mirror.upload(last=checkpoint)
        assert names() == []
        checkpoint.write_bytes(b"epoch 2")
        (folder / "stage" / "log.csv").write_text("epoch,loss\n0,1.5\n1,1.4\n")
        mirror.upload(last=checkpoint)
        assert names() == ["stage/log.csv", "stage/last.weights.h5"]
        checkpoint.write_bytes(b"epoch 3, not copied any more")
        raise KeyboardInterrupt
    assert not folder.exists()

    with mirror.local_output(Options(remote)) as o:
        folder = mirror.Path(o.output)
        assert (folder / "stage" / "last.weights.h5").read_bytes() == b"epoch 2"
        assert (folder / "z").read_text() == "z"
        (folder / "results.csv").write_text("done")
    assert names() == ["results.csv"]
    assert tf.io.gfile.GFile(f"{remote}/results.csv").read() == "done"


def test_only_the_chief_copies(remote, monkeypatch):
    monkeypatch.setattr(mirror.cluster, "machines", lambda: (["a:1", "b:1"], 1))
    with mirror.local_output(Options(remote)) as o:
        folder = mirror.Path(o.output)
        folder.mkdir()
        (folder / "file").write_text("text")
        mirror.upload()
    assert not tf.io.gfile.exists(f"{remote}/file")
