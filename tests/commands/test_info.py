import importlib.util
import json
import sys

import tensorflow as tf

from offkeras import cli
from offkeras.commands import info


def test_what_is_here(capsys):
    cli.main(["info", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["versions"]["tensorflow"] == tf.__version__
    assert "CPU:0" in found["devices"]
    parts = found["parts"]
    assert set(parts) == set(info.PARTS)
    for name in ("LiteRT", "ONNX", "PyAV with H.264", "OpenCV with TV-L1 flow"):
        assert parts[name]["works"], parts[name]
    # The two sets of requirements differ in these.
    for name, module in (
        ("tensorflow-io (native)", "tensorflow_io"),
        ("keras-cv", "keras_cv"),
    ):
        installed = importlib.util.find_spec(module) is not None
        assert parts[name]["works"] == installed, parts[name]
    if not tf.config.list_physical_devices("GPU"):
        assert not parts["TF-TRT"]["works"]


def test_what_to_do_about_the_rest(capsys, monkeypatch):
    """A package that cannot be imported, and one whose native part is broken."""
    broken = type(sys)("tensorflow_io")
    broken.__version__ = "0.0"
    monkeypatch.setitem(sys.modules, "tensorflow_io", broken)
    monkeypatch.setitem(sys.modules, "keras_cv", None)
    kept = {name: info.PARTS[name] for name in ("tensorflow-io (native)", "keras-cv")}
    monkeypatch.setattr(info, "PARTS", kept)
    cli.main(["info"])
    lines = capsys.readouterr().out.splitlines()
    for name, (_, remedy) in kept.items():
        (place,) = [i for i, line in enumerate(lines) if line.startswith(name)]
        assert "no: " in lines[place]
        assert lines[place + 1].strip() == remedy
