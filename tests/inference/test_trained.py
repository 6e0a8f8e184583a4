import json

import pytest

from offkeras import inference
from offkeras.inference import trained
from offkeras.models import DnCNN
from tests.support.recognizer import small_recognizer


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder of trained models as a checkout of the repository has it."""
    folder = tmp_path_factory.mktemp("savedmodels")
    for name in ("camera_motion", "old_film", "serving"):
        (folder / name).mkdir()
    small_recognizer().save(folder / "camera_motion" / "recognizer.keras")
    (folder / "camera_motion" / "labels.txt").write_text("left\nright\nzoom in\n")
    DnCNN(width=4, depth=2).save(folder / "old_film" / "model.keras")
    return folder


@pytest.fixture(autouse=True)
def in_a_checkout(saved, monkeypatch):
    monkeypatch.setattr(trained, "SHIPPED", saved)


@pytest.fixture
def defaults(saved):
    """Function that writes the defaults.json of camera_motion."""
    path = saved / "camera_motion" / "defaults.json"
    yield lambda text: path.write_text(text)
    path.unlink()


def test_they_lie_beside_the_package(monkeypatch):
    monkeypatch.undo()
    assert (trained.SHIPPED / "README.md").is_file()
    assert (trained.SHIPPED.parent / "pyproject.toml").is_file()


def test_by_name(saved):
    found = inference.trained_model("camera_motion", "recognizer")
    assert found.path == saved / "camera_motion" / "recognizer.keras"
    assert found.class_names == ("left", "right", "zoom in")
    assert (found.kind, found.defaults) == ("recognizer", {})
    assert found.load().output["off_3"].shape == (None, 3)
    assert inference.model_names() == ["camera_motion", "old_film"]
    assert inference.model_names(("model",)) == ["old_film"]


def test_by_path(saved):
    for path in (saved / "old_film", saved / "old_film" / "model.keras"):
        for kind in (None, "model"):
            found = inference.trained_model(path, kind)
            assert found.path == saved / "old_film" / "model.keras"
            assert (found.kind, found.class_names) == ("model", None)


def test_a_folder_here_comes_first(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "camera_motion").mkdir()
    # Of no model there, it is no answer.
    assert inference.trained_model("camera_motion").path.is_relative_to(saved)
    (tmp_path / "camera_motion" / "recognizer.keras").write_bytes(b"")
    assert not inference.trained_model("camera_motion").path.is_absolute()


def test_a_model_that_is_not_there(saved):
    message = r"a name in .* \(there: camera_motion\)\. Received: old_film"
    with pytest.raises(ValueError, match=message):
        inference.trained_model("old_film", "recognizer")
    with pytest.raises(ValueError, match=r"\(there: none\)\. Received: camera_motion"):
        inference.trained_model("camera_motion", "detector")
    with pytest.raises(ValueError, match="Received: ../savedmodels/camera_motion"):
        inference.trained_model("../savedmodels/camera_motion")


def test_defaults(defaults):
    defaults(json.dumps({"segments": 4, "interval": 2}))
    found = inference.trained_model("camera_motion")
    assert found.defaults == {"segments": 4, "interval": 2}


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "defaults.json is not JSON"),
        (
            "[4]",
            r"with keys of \(segments, interval, hop, modality\). Received: \[4\]",
        ),
        ('{"size": [96, 128]}', "keys of .*segments, interval, hop.*Received"),
        (
            '{"segments": 1}',
            "'segments' to be frames of a window, 2 or more. Received: 1",
        ),
        ('{"segments": true}', "'segments' to be .* Received: True"),
        ('{"interval": "2"}', "'interval' to be .* Received: 2"),
        ('{"hop": 0}', "'hop' to be .* Received: 0"),
        ('{"modality": "depth"}', "'modality' to be one of .*'rgb'.* Received: depth"),
    ],
)
def test_wrong_defaults(text, message, defaults):
    defaults(text)
    with pytest.raises(ValueError, match=message):
        inference.trained_model("camera_motion")


def test_defaults_of_a_detector(tmp_path):
    (tmp_path / "detector.keras").write_bytes(b"")
    path = tmp_path / "defaults.json"
    path.write_text('{"size": [96, 128], "min_score": 0}')
    found = inference.trained_model(tmp_path, "detector")
    assert found.defaults == {"size": [96, 128], "min_score": 0}
    for text in ('{"size": 96}', '{"size": [96]}', '{"min_score": 2}', '{"gap": -1}'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"defaults.json: expected '\w+' to be"):
            inference.trained_model(tmp_path, "detector")


def test_defaults_of_a_restorer(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"")
    path = tmp_path / "defaults.json"
    for text in ('{"quantisers": {}}', '{"quantisers": {"h264": [28.5, 51]}}'):
        path.write_text(text)
        assert inference.trained_model(tmp_path, "model").defaults == json.loads(text)
    for value in ("[28, 51]", '{"vp9": 9}', '{"vp9": [9, 5]}', '{"vp9": [true, 5]}'):
        path.write_text(f'{{"quantisers": {value}}}')
        with pytest.raises(
            ValueError, match=r"expected 'quantisers' to be a dict from"
        ):
            inference.trained_model(tmp_path, "model")
