"""Files of half the size: every weight against ml_dtypes, and what loads them."""

import zipfile

import keras
import ml_dtypes
import numpy as np
import pytest

from offkeras import cli, export, inference, models
from offkeras.inference import trained
from tests.export import tiny_models
from tests.support.helpers import randomize


@pytest.fixture(scope="module", params=["recognizer", "restorer", "detector"])
def pair(request, tmp_path_factory):
    """A model with weights of every size, and the one of its compact file."""
    model = getattr(tiny_models, request.param)()  # not the one that others share
    randomize(model)
    path = tmp_path_factory.mktemp("compact") / "model.keras"
    before = model.get_weights()
    assert export.compact(model, path) == path
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    return model, path


def test_weights_are_the_nearest_of_bfloat16(pair):
    model, path = pair
    loaded = models.load_model(path)
    assert [w.path for w in loaded.weights] == [w.path for w in model.weights]
    changed = 0
    for new, old in zip(loaded.weights, model.weights, strict=True):
        new, old = new.numpy(), old.numpy()
        assert new.dtype == old.dtype
        if old.dtype != np.float32:
            np.testing.assert_array_equal(new, old)
            continue
        np.testing.assert_array_equal(
            new, old.astype(ml_dtypes.bfloat16).astype(np.float32)
        )
        assert (np.abs(new - old) <= np.abs(old) * 2.0**-8).all()
        changed += (new != old).sum()
    assert changed > 0.9 * model.count_params()


def test_the_file_is_half_as_large_and_plain_keras_reads_it(pair, tmp_path):
    model, path = pair
    model.save(tmp_path / "whole.keras")
    with (
        zipfile.ZipFile(path) as archive,
        zipfile.ZipFile(tmp_path / "whole.keras") as whole,
    ):
        parts = {part.filename: part for part in archive.infolist()}
        assert sorted(parts) == sorted(whole.namelist())
        assert archive.read("config.json") == whole.read("config.json")
        weights = parts["model.weights.h5"]
        assert weights.compress_type == zipfile.ZIP_DEFLATED
        assert weights.compress_size < 0.6 * weights.file_size
    loaded = keras.models.load_model(path, compile=False)
    assert loaded.count_params() == model.count_params()


def test_compact_once_more_changes_nothing(pair, tmp_path):
    _, path = pair
    first = models.load_model(path)
    second = models.load_model(export.compact(first, tmp_path / "again.keras"))
    for new, old in zip(second.weights, first.weights, strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.slow
def test_command_writes_a_folder_for_model(tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    tiny_models.model("recognizer").save(run / "recognizer.keras")
    (run / "labels.txt").write_text("\n".join(tiny_models.CLASS_NAMES))
    (run / "defaults.json").write_text('{"segments": 3}')
    arguments = ["export", str(run), "--to", "keras", "--out", str(tmp_path / "small")]
    cli.main(arguments)
    assert capsys.readouterr().out.strip() == str(tmp_path / "small/recognizer.keras")
    found = inference.trained_model(tmp_path / "small", "recognizer")
    assert found.class_names == tuple(tiny_models.CLASS_NAMES)
    assert found.defaults == {"segments": 3}
    assert found.load().count_params() > 0
    for extra in (["--segments", "3"], ["--quantize", "int8"], ["--size", "9", "9"]):
        with pytest.raises(SystemExit, match=f"{extra[0]} is for --to .*: --to keras"):
            cli.main([*arguments, *extra])


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"end in \.keras\. Received: .*model\.h5"):
        export.compact(tiny_models.model("restorer"), tmp_path / "model.h5")
    assert not list(tmp_path.iterdir())


def test_camera_motion_is_compact():
    found = trained.trained_model("camera_motion")
    assert found.path.stat().st_size < 7e6
    for weight in found.load().weights:
        bits = np.atleast_1d(weight.numpy()).view(np.uint32)
        assert not (bits & 0xFFFF).any()
