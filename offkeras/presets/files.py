"""A model as a folder, in the layout of keras-hub's presets.

config.json         the class of the model, by its registered name, and its config
model.weights.h5    its weights
metadata.json       versions, number of parameters, date
preprocessor.json   how videos are shown to it
labels.txt          names of its classes, one per line
"""

import contextlib
import datetime
import json
import shutil
from pathlib import Path

import keras

import offkeras
from offkeras.models import loading
from offkeras.storage.writing import written_whole

CONFIG, WEIGHTS, METADATA = "config.json", "model.weights.h5", "metadata.json"
PREPROCESSOR, LABELS = "preprocessor.json", "labels.txt"
FILES = (CONFIG, WEIGHTS, METADATA, PREPROCESSOR, LABELS)


def save(model, folder, *, preprocessor=None, class_names=None):
    """Writes a preset; nothing of it appears before all of it is written.

    Args:
        model: a model of a registered class.
        folder: path; files of a preset there are replaced, others stay.
        preprocessor: dict of how videos are shown to it, the keys of
            `inference.trained.DEFAULTS`.
        class_names: names of the classes.
    """
    folder = Path(folder)
    with written_whole(folder / ".preset") as new:
        new.mkdir()
        _write(new / CONFIG, keras.saving.serialize_keras_object(model))
        with _without_optimizer(model):
            model.save_weights(new / WEIGHTS)
        metadata = {
            "keras_version": keras.__version__,
            "offkeras_version": offkeras.__version__,
            "parameter_count": model.count_params(),
            "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        }
        _write(new / METADATA, metadata)
        _write(new / PREPROCESSOR, preprocessor or {})
        if class_names is not None:
            (new / LABELS).write_text("\n".join(class_names) + "\n", "utf-8")
        names = sorted((path.name for path in new.iterdir()), reverse=True)
        for name in names:  # config.json, which makes it a preset, is the last
            (new / name).replace(folder / name)
        for name in {*FILES} - {*names}:
            (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / ".preset")


def is_preset(folder):
    """Whether a folder holds a preset."""
    return (Path(folder) / CONFIG).is_file()


def read_config(folder):
    """The config of a preset, after checking the classes that it names.

    Args:
        folder: path of the preset.

    Returns:
        A dict for `keras.saving.deserialize_keras_object`.

    Raises:
        ValueError: if it is no config of a model, or names a class that is neither
            Keras's nor this library's.
    """
    path = Path(folder) / CONFIG
    try:
        if path.stat().st_size > loading.MAX_CONFIG:
            raise ValueError(f"it has more than {loading.MAX_CONFIG} bytes.")
        config = json.loads(path.read_text("utf-8"))
        loading.check_classes(config)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no config of a model: {error}") from error
    return config


def load(folder, expected):
    """Loads a preset without trusting it.

    Args:
        folder: path of the preset.
        expected: the registered name of its class, `"offkeras>VideoClassifier"`.

    Returns:
        The model.

    Raises:
        ValueError: if a file is missing or damaged, the model is of another class or
            has other weights.
    """
    folder, config = Path(folder), read_config(folder)
    if config.get("registered_name") != expected:
        raise ValueError(
            f"Expected a preset of {expected} in {folder}. "
            f"Received: one of {config.get('registered_name')}."
        )
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise ValueError(f"{folder} is no whole preset: {WEIGHTS} is missing.")
    try:
        loading.check_weights(weights.read_bytes())
        getattr(offkeras, expected.partition(">")[2])  # Keras knows what is imported
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
        with _without_optimizer(model):
            model.load_weights(weights)
    except Exception as error:  # of many types: the files may hold anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{folder} is no preset to load: {reason:.300}") from error
    return model


@contextlib.contextmanager
def _without_optimizer(model):
    """Keras keeps the state of an optimizer with the weights; a preset has none."""
    optimizer, model.optimizer = model.optimizer, None
    try:
        yield
    finally:
        model.optimizer = optimizer


def _write(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")
