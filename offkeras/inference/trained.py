"""Models that were trained before, by name or by path.

Beside a model, in `savedmodels/<name>/` as in the output folder of a training, lie

    recognizer.keras, detector.keras or model.keras    the model: one of them
    labels.txt       names of the classes, one per line (not of a `model`, a restorer)
    defaults.json    optional: how videos are shown to it, and of a restorer at which
                     quantisers it gains, see `DEFAULTS`
    README.md        what it was trained on and how good it is

or a preset: config.json and the files that `presets.files` names.
"""

import dataclasses
import json
import pathlib

from offkeras import modalities, presets
from offkeras.presets.files import CONFIG, LABELS, PREPROCESSOR
from offkeras.weights.shipped import SHIPPED

KINDS = ("recognizer", "detector", "model")
SIZE, MIN_SCORE = (600, 1000), 0.5  # of a detector that does not say
LONGEST_GAP = 10
# Class of a preset -> its kind, and the attribute that is the plain model.
PRESETS = {
    "offkeras>VideoClassifier": "recognizer",
    "offkeras>VideoDetector": "detector",
    "offkeras>VideoRestorer": "model",
}


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _are_quantisers(value):
    return isinstance(value, dict) and all(
        isinstance(pair, list)
        and len(pair) == 2
        and all(map(_is_number, pair))
        and pair[0] <= pair[1]
        for pair in value.values()
    )


# Keys of defaults.json by kind: what a value must be, and how to say so.
DEFAULTS = {
    "recognizer": {
        "segments": (
            lambda v: _is_count(v) and v >= 2,
            "frames of a window, 2 or more",
        ),
        "interval": (_is_count, "frames from one of them to the next"),
        "hop": (_is_count, "frames from one window to the next"),
        "modality": (
            lambda v: isinstance(v, str) and v in modalities.MODALITIES,
            f"one of {tuple(modalities.MODALITIES)}",
        ),
    },
    "detector": {
        "size": (
            lambda v: isinstance(v, list) and len(v) == 2 and all(map(_is_count, v)),
            "[short side, long side] in pixels",
        ),
        "min_score": (
            lambda v: isinstance(v, (int, float)) and 0 <= v <= 1,
            "a score, 0 to 1",
        ),
        "gap": (
            lambda v: _is_number(v) and 0 <= v <= LONGEST_GAP,
            f"seconds from the reference to the frame, 0 to {LONGEST_GAP}",
        ),
    },
    "model": {
        "quantisers": (
            _are_quantisers,
            "a dict from a codec to [least, most]: where the model gains",
        ),
    },
}


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """What `trained_model` found.

    Attributes:
        path: the `.keras` file, or the config.json of a preset.
        kind: `"recognizer"`, `"detector"` or `"model"`.
        class_names: tuple of names, or None where there is no labels.txt.
        defaults: dict of what defaults.json says.
    """

    path: pathlib.Path
    kind: str
    class_names: tuple | None
    defaults: dict

    def load(self):
        """The Keras model: of a preset the plain one within."""
        from offkeras import models

        if self.path.name != CONFIG:
            return models.load_model(self.path)
        (name,) = (name for name, kind in PRESETS.items() if kind == self.kind)
        return getattr(presets.load(self.path.parent, name), self.kind)

    def detection_options(self):
        """How a detector is shown videos, as `detect` takes it."""
        short, long = self.defaults.get("size", SIZE)
        return dict(
            short_side=short,
            long_side=long,
            min_score=self.defaults.get("min_score", MIN_SCORE),
            gap=self.defaults.get("gap", 0.0),
        )


def trained_model(name, kind=None):
    """Finds a trained model.

    Args:
        name: a `.keras` file, the output folder of a training, or the name of a
            model in `savedmodels/` of the repository, such as `"camera_motion"`.
        kind: `"recognizer"`, `"detector"` or `"model"` (a restorer). Default: the
            first of them that a folder holds; of a file its name, or `"model"`.

    Returns:
        A `TrainedModel`.

    Raises:
        ValueError: if there is no such model, with the names of those there are, or
            its defaults.json is wrong.

    Example:

    ```python
    trained = trained_model("camera_motion")
    recognizer = trained.load()
    for prediction in classify("walk.mp4", recognizer, num_segments=4, interval=2):
        print(trained.class_names[prediction.label])
    ```
    """
    kinds = KINDS if kind is None else (kind,)
    if presets.is_address(name):
        name = presets.fetch(name)
    path = pathlib.Path(name)
    if path.is_file():
        if kind is None:
            kind = path.stem if path.stem in KINDS else "model"
    else:
        folders = [path]
        if len(path.parts) == 1:
            folders.append(SHIPPED / name)
        path, kind = _find(folders, kinds)
        if path is None:
            present = ", ".join(model_names(kinds)) or "none"
            raise ValueError(
                f"Expected a trained {' or '.join(kinds)}: a .keras file, the output "
                f"folder of a training, a preset, or a name in {SHIPPED} (there: "
                f"{present}). Received: {name}."
            )
    labels = path.with_name(LABELS)
    class_names = None
    if labels.is_file():
        class_names = _read_labels(labels)
    of_preset = path.name == CONFIG
    defaults = path.with_name(PREPROCESSOR if of_preset else "defaults.json")
    return TrainedModel(path, kind, class_names, _read_defaults(defaults, kind))


def _find(folders, kinds):
    """The model in the first of the folders that holds one, and its kind."""
    for folder in folders:
        if presets.is_preset(folder):
            kind = PRESETS.get(presets.read_config(folder).get("registered_name"))
            if kind in kinds:
                return folder / CONFIG, kind
        for kind in kinds:
            if (folder / f"{kind}.keras").is_file():
                return folder / f"{kind}.keras", kind
    return None, None


def model_names(kinds=KINDS):
    """Names of the models in `savedmodels/`, sorted."""
    if not SHIPPED.is_dir():
        return []
    return sorted(
        folder.name for folder in SHIPPED.iterdir() if _find([folder], kinds)[0]
    )


def _read_labels(path):
    """The names of the classes."""
    try:
        return tuple(path.read_text("utf-8-sig").splitlines())
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8 text ({error}).") from error


def _read_defaults(path, kind):
    """What defaults.json says, checked; without the file nothing."""
    if not path.is_file():
        return {}
    try:
        defaults = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}.") from error
    known = DEFAULTS[kind]
    if not isinstance(defaults, dict) or not set(defaults) <= set(known):
        raise ValueError(
            f"{path}: expected an object with keys of ({', '.join(known)}). "
            f"Received: {defaults}."
        )
    for key, value in defaults.items():
        is_right, expected = known[key]
        if not is_right(value):
            raise ValueError(
                f"{path}: expected {key!r} to be {expected}. Received: {value}."
            )
    return defaults
