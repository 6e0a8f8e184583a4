"""Models that were trained before, by name or by path.

Beside a model, in `savedmodels/<name>/` as in the output folder of a training, lie

    recognizer.keras, detector.keras or model.keras    the model: one of them
    labels.txt       names of the classes, one a line (not of a `model`, a restorer)
    defaults.json    optional: how videos are shown to it, see `DEFAULTS`
    README.md        what it was trained on and how good it is
"""

import dataclasses
import json
import pathlib

# A checkout of the repository has them beside the package.
SAVED_MODELS = pathlib.Path(__file__).parents[2] / "savedmodels"
KINDS = ("recognizer", "detector", "model")


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


# Keys of defaults.json by kind: what a value must be, and how to say so.
DEFAULTS = {
    "recognizer": {
        "segments": (lambda v: _is_count(v) and v >= 2, "frames of a window, 2 up"),
        "interval": (_is_count, "frames from one of them to the next"),
        "hop": (_is_count, "frames from one window to the next"),
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
    },
    "model": {},
}


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """What `trained_model` found.

    Attributes:
        path: the `.keras` file.
        kind: `"recognizer"`, `"detector"` or `"model"`.
        class_names: tuple of names, or None where there is no labels.txt.
        defaults: dict of what defaults.json says.
    """

    path: pathlib.Path
    kind: str
    class_names: tuple | None
    defaults: dict

    def load(self):
        """The Keras model."""
        from offkeras import models

        return models.load_model(self.path)


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
    found = trained_model("camera_motion")
    recognizer = found.load()
    for prediction in classify("walk.mp4", recognizer, num_segments=4, interval=2):
        print(found.class_names[prediction.label])
    ```
    """
    kinds = KINDS if kind is None else (kind,)
    path = pathlib.Path(name)
    if path.is_file():
        if kind is None:
            kind = path.stem if path.stem in KINDS else "model"
    else:
        folders = [path]
        if len(path.parts) == 1:
            folders.append(SAVED_MODELS / name)
        paths = [f / f"{k}.keras" for f in folders for k in kinds]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            present = ", ".join(model_names(kinds)) or "none"
            raise ValueError(
                f"Expected a trained {' or '.join(kinds)}: a .keras file, the output "
                f"folder of a training, or a name in {SAVED_MODELS} (there: "
                f"{present}). Received: {name}."
            )
        kind = path.stem
    labels = path.with_name("labels.txt")
    class_names = None
    if labels.is_file():
        class_names = tuple(labels.read_text("utf-8").splitlines())
    defaults = _read_defaults(path.with_name("defaults.json"), kind)
    return TrainedModel(path, kind, class_names, defaults)


def model_names(kinds=KINDS):
    """Names of the models in `savedmodels/`, sorted."""
    if not SAVED_MODELS.is_dir():
        return []
    return sorted(
        folder.name
        for folder in SAVED_MODELS.iterdir()
        if any((folder / f"{kind}.keras").is_file() for kind in kinds)
    )


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
