"""Presets by address, against a stand-in for the hub on this machine."""

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import offkeras
from offkeras import presets
from tests.support.recognizer import toy_backbone

FRAMES = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32, 3), np.uint8)
COMMIT = "0" * 40


class Hub(http.server.BaseHTTPRequestHandler):
    """What `snapshot_download` asks of Hugging Face: the file list, then the files."""

    folder = None

    def do_HEAD(self):
        self.answer(head=True)

    def do_GET(self):
        self.answer()

    def answer(self, head=False):
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/me/walks"):
            files = [(p.name, p.stat().st_size) for p in self.folder.iterdir()]
            files.append(("setup.py", 9))  # is not asked for
            answer = {
                "id": "me/walks",
                "sha": COMMIT,
                "siblings": [{"rfilename": name} for name, _ in files],
            }
            if "/tree/" in path:
                answer = [
                    {"type": "file", "path": name, "oid": name, "size": size}
                    for name, size in files
                ]
            self.send(200, json.dumps(answer).encode(), head)
        elif path.startswith(f"/me/walks/resolve/{COMMIT}/"):
            self.send(200, (self.folder / path.rpartition("/")[2]).read_bytes(), head)
        else:
            self.send(404, b"{}", head)

    def send(self, status, body, head):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hash(body) & 0xFFFFFFFF:x}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if not head:
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Address of a hub with what lies in a folder, as `hf://me/walks`."""
    monkeypatch.setattr(Hub, "folder", tmp_path / "preset")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


PROGRAM = """
import sys
import numpy as np
import offkeras
from offkeras import inference

model = offkeras.VideoClassifier.from_preset("hf://me/walks")
assert model.class_names == ("left", "right")
np.save("out.npy", model.predict(np.load("frames.npy"), verbose=0))
assert inference.trained_model("hf://me/walks").kind == "recognizer"
try:
    offkeras.VideoClassifier.from_preset("hf://me/nothing")
except OSError as error:
    assert "hf://me/nothing could not be fetched" in str(error), error
else:
    raise AssertionError("there is no such preset")
"""


def test_a_preset_of_the_hub(server, tmp_path):
    pytest.importorskip("huggingface_hub")
    model = offkeras.VideoClassifier(
        toy_backbone(), class_names=("left", "right"), num_segments=3, filters=8
    )
    model.save_to_preset(tmp_path / "preset")
    np.save(tmp_path / "frames.npy", FRAMES)
    hub = {"HF_ENDPOINT": server, "HF_HOME": str(tmp_path / "home")}
    subprocess.run(
        [sys.executable, "-c", PROGRAM],
        check=True,
        cwd=tmp_path,
        env={**os.environ, **hub, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    np.testing.assert_array_equal(
        np.load(tmp_path / "out.npy"), model.predict(FRAMES, verbose=0)
    )


@pytest.mark.parametrize("address", ["hf://", "ftp://me/walks"])
def test_addresses_are_checked(address):
    with pytest.raises(ValueError, match="Expected hf://OWNER/NAME or kaggle://"):
        presets.fetch(address)


def test_the_package_of_a_hub_is_named(monkeypatch):
    monkeypatch.setitem(presets.hub.HUBS, "hf", ("no_such_package", "OWNER/NAME"))
    with pytest.raises(ImportError, match="pip install no_such_package"):
        presets.fetch("hf://me/walks")


def test_uploads_the_files_of_a_preset_alone(tmp_path, monkeypatch):
    sent = {}

    class FakeHub:
        @staticmethod
        def create_repo(handle, exist_ok):
            sent["repo"] = handle

        @staticmethod
        def upload_folder(repo_id, folder_path, allow_patterns):
            sent["patterns"] = allow_patterns

    monkeypatch.setattr(presets.hub.importlib, "import_module", lambda name: FakeHub)
    presets.upload(tmp_path, "hf://me/walks")
    assert sent["repo"] == "me/walks"
    assert set(sent["patterns"]) == {
        "config.json",
        "model.weights.h5",
        "metadata.json",
        "preprocessor.json",
        "labels.txt",
    }
