"""An output folder in an object store: a run works in a local copy of it.

What is new is copied at the end of every epoch, the checkpoint last; every file
appears whole or not at all. A run that is resumed, on any machine, begins with what
the store holds.
"""

import contextlib
import dataclasses
import os
import tempfile
from pathlib import Path

import tensorflow as tf

from offkeras.storage import remote as storage
from offkeras.training.replicas import machines as cluster

_mirrors = []  # of the run in this process: one or none


@contextlib.contextmanager
def local_output(o):
    """Options whose output folder is local; nothing changes where it is already.

    Args:
        o: options with `output`.

    Yields:
        The options. What is in the folder at the end is copied back.
    """
    if not storage.is_remote(o.output):
        yield o
        return
    remote = storage.connect(o.output)
    with tempfile.TemporaryDirectory() as folder:
        mirror = Mirror(Path(folder, os.path.basename(remote)), remote)
        mirror.download()
        _mirrors.append(mirror)
        try:
            yield dataclasses.replace(o, output=str(mirror.local))
            upload()
        finally:
            _mirrors.remove(mirror)


def upload(last=None):
    """Copies what is new to the store, if the output of this run is in one.

    Args:
        last: path of the file to copy after all others, such as the checkpoint.
    """
    for mirror in _mirrors:
        if cluster.is_chief():
            mirror.upload(last)


class Mirror:
    """A local folder and the remote one that follows it.

    Args:
        local: path of a folder, which may not exist yet.
        remote: its place in the store.
    """

    def __init__(self, local, remote):
        self.local, self.remote = Path(local), remote
        self.copied = {}  # name -> size and time of the file that was copied

    def download(self):
        """Copies what the store holds, if anything."""
        for folder, _, files in tf.io.gfile.walk(self.remote):
            for file in files:
                path = storage.join(folder, file)
                name = path.removeprefix(f"{self.remote}/")
                target = self.local / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with storage.clear_errors(path):
                    tf.io.gfile.copy(path, str(target), overwrite=True)
                self.copied[name] = _state(target)

    def upload(self, last=None):
        """Copies the files that are new or have changed; `last` after all others."""
        paths = [path for path in self.local.rglob("*") if path.is_file()]
        for path in sorted(paths, key=lambda path: (path == last, path)):
            name, state = path.relative_to(self.local).as_posix(), _state(path)
            if self.copied.get(name) != state:
                storage.put(str(path), storage.join(self.remote, name))
                self.copied[name] = state


def _state(path):
    status = path.stat()
    return status.st_size, status.st_mtime_ns
