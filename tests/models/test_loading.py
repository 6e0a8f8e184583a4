"""Model files that attack whoever loads them. Each attack is shown to work first."""

import importlib.util
import io
import json
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from offkeras import export, models
from tests.support import detection
from tests.support.recognizer import small_recognizer

WEIGHTS, CONFIG = "model.weights.h5", "config.json"


def change(path, changes, *, compression=zipfile.ZIP_STORED):
    """Writes a .keras file again with other parts."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in {**parts, **changes}.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def saved(tmp_path):
    """A small model, saved."""
    path = tmp_path / "model.keras"
    models.DnCNN(width=4, depth=2).save(path)
    return path


def config_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(CONFIG))


@pytest.mark.slow
def test_shipped_models_name_modules_that_have_moved():
    """Their classes are found by registered names, by Keras too."""
    paths = sorted(Path("savedmodels").glob("*/*.keras"))
    named = {
        re.search(r'"module": "(offkeras[^"]*)"', json.dumps(config_of(path)))[1]
        for path in paths
    }
    assert any(importlib.util.find_spec(module) is None for module in named)
    for path in paths:
        assert isinstance(models.load_model(path), keras.Model)
    script = "import sys, keras, offkeras\n"
    script += "for path in sys.argv[1:]: keras.saving.load_model(path, compile=False)"
    subprocess.run([sys.executable, "-c", script, *map(str, paths)], check=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: small_recognizer(num_segments=2),
        lambda: models.OFFArtifactRemover(width=4, tail_convs=2),
        lambda: models.OFFVideoDetector(
            3, backbone=detection.small_backbone(), **detection.SMALL
        ),
    ],
)
def test_models_of_this_library_are_loaded(make, tmp_path):
    model = make()
    model.compile("adam", "mse", jit_compile=False)
    model.save(tmp_path / "model.keras")
    loaded = models.load_model(tmp_path / "model.keras")
    assert not loaded.compiled
    for before, after in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_lambda_that_runs_code(tmp_path):
    marker = tmp_path / "marker"
    x = keras.Input((2,))

    code = f"lambda x: (__import__('pathlib').Path({str(marker)!r}).touch(), x)[1]"
    y = keras.layers.Lambda(eval(code), output_shape=(2,))(x)
    model = keras.Model(x, y)
    model.save(tmp_path / "model.keras")
    model(np.ones((1, 2)))
    assert marker.exists()  # what the code does, wherever the model is called
    marker.unlink()
    with pytest.raises(ValueError, match=r"model\.keras .*names Lambda of keras"):
        models.load_model(tmp_path / "model.keras")
    assert not marker.exists()


def call(module, name, config, registered=None):
    return {
        "module": module,
        "class_name": name,
        "config": config,
        "registered_name": registered,
    }


@pytest.mark.parametrize(
    "attack",
    [
        call("os", "system", {"command": "touch MARKER"}),
        call("subprocess", "Popen", {"args": ["touch", "MARKER"]}),
        call("pathlib", "Path", {"name": "MARKER"}),
        call("builtins", "function", "exec", "function"),
        call("keras.utils", "get_file", {"origin": "file:///etc/passwd"}),
        call("keras.saving", "load_model", {"filepath": "MARKER"}),
        call("keras.layers", "TFSMLayer", {"filepath": "MARKER"}),
        call("keras.layers", "TextVectorization", {"vocabulary": "/etc/passwd"}),
        call("keras.layers", "Dense", {"units": 1}, "other>Dense"),
        call("offkeras.cli", "main", {"argv": ["--help"]}),
        call("offkeras.layers.off", "OFF", {}, "keras>Model"),
        {"class_name": "__lambda__", "config": {"value": "touch MARKER"}},
        {"class_name": ["OFF"], "config": {}},
    ],
)
def test_classes_that_are_no_layers(attack, saved, tmp_path):
    marker = tmp_path / "marker"
    attack = json.loads(json.dumps(attack).replace("MARKER", str(marker)))
    for place in ("layer", "initializer"):
        config = config_of(saved)
        layer = config["config"]["layers"][2]
        if place == "layer":
            config["config"]["layers"][2] = attack
        else:
            layer["config"]["kernel_initializer"] = attack
        path = tmp_path / f"{place}.keras"
        shutil.copy(saved, path)
        change(path, {CONFIG: json.dumps(config)})
        with pytest.raises(ValueError, match=rf"{place}\.keras .*it names"):
            models.load_model(path)
    assert not marker.exists()


def test_weights_that_link_to_other_files(saved, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(range(256)) * 4)

    def attacked(spoil):
        with zipfile.ZipFile(saved) as archive:
            buffer = io.BytesIO(archive.read(WEIGHTS))
        with h5py.File(buffer, "a") as file:
            found = []
            file.visititems(
                lambda _, x: found.append(x) if isinstance(x, h5py.Dataset) else None
            )
            name, shape = found[0].name, found[0].shape
            del file[name]
            spoil(file, name, shape)
        path = tmp_path / "attack.keras"
        shutil.copy(saved, path)
        return change(path, {WEIGHTS: buffer.getvalue()})

    def external(file, name, shape):
        file.create_dataset(name, shape, "f4", external=[(str(secret), 0, 1024)])

    def link(file, name, shape):
        file[name] = h5py.ExternalLink(str(saved), "/a")

    def soft(file, name, shape):
        file[name] = h5py.SoftLink("/b")

    def bomb(file, name, shape):
        file.create_dataset(name, (2**20, 2**20), "f4", chunks=(64, 64))

    for spoil in (external, link, soft, bomb):
        with pytest.raises(ValueError, match=r"attack\.keras .*its weights hold"):
            models.load_model(attacked(spoil))


def test_bombs(saved):
    with pytest.raises(ValueError, match="more than 1000"):
        models.load_model(saved, max_bytes=1000)
    packed = zipfile.ZIP_DEFLATED
    change(saved, {CONFIG: b" " * 2**27}, compression=packed)
    assert saved.stat().st_size < 2**20
    with pytest.raises(ValueError, match="config.json has more than 67108864 bytes"):
        models.load_model(saved)
    change(saved, {CONFIG: "[" * 100_000})
    with pytest.raises(ValueError, match=r"model\.keras is no model to load: .*recurs"):
        models.load_model(saved)


def test_a_flipped_bit_changes_no_weight(saved):
    data = bytearray(saved.read_bytes())
    with zipfile.ZipFile(saved) as archive:
        info = archive.getinfo(WEIGHTS)
        with h5py.File(io.BytesIO(archive.read(WEIGHTS))) as file:
            offsets = []
            file.visititems(
                lambda _, x: (
                    offsets.append(x.id.get_offset())
                    if isinstance(x, h5py.Dataset)
                    else None
                )
            )
    start = info.header_offset + 30 + len(WEIGHTS) + offsets[0] + 2
    data[start] ^= 64
    saved.write_bytes(data)
    with pytest.raises(ValueError, match=r"model\.keras .*CRC"):
        models.load_model(saved)


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"no zip" * 100])
def test_other_files(content, tmp_path):
    path = tmp_path / "model.keras"
    with pytest.raises(OSError, match="model.keras is no file"):
        models.load_model(path)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.keras is no model to load"):
        models.load_model(path)


def test_other_parts(saved):
    change(saved, {"assets/x": b"1"})
    with pytest.raises(ValueError, match="expected the parts"):
        models.load_model(saved)
    assert pathlib.Path(saved).exists()


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_weights_that_are_no_numbers(value, tmp_path):
    model = models.DnCNN(width=4, depth=2)
    kernel = model.weights[0].numpy()
    kernel[0, 0, 0, 0] = value
    model.weights[0].assign(kernel)
    path = tmp_path / "model.keras"
    model.save(path)
    message = r"model.keras is no model to load: .* in 1 of \d+, .*kernel"
    with pytest.raises(ValueError, match=message):
        models.load_model(path)
    for write, place in (
        (export.saved_model, tmp_path / "mine"),
        (export.compact, tmp_path / "half.keras"),
        (export.onnx, tmp_path / "a.onnx"),
        (export.litert, tmp_path / "a.tflite"),
    ):
        with pytest.raises(ValueError, match=f"weights of '{model.name}' that are"):
            write(model, place)
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
