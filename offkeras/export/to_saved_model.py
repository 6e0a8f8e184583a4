"""SavedModel export for TF Serving."""

import keras
import tensorflow as tf

from offkeras.export.assets import warmup
from offkeras.export.assets.examples import example_inputs, jpegs
from offkeras.export.assets.model_card import model_card
from offkeras.export.encoded import encoded
from offkeras.export.signatures import (
    check_class_names,
    is_rgb,
    signatures,
    specify,
)
from offkeras.models.task import RECOGNITION, task_of
from offkeras.storage import remote as storage
from offkeras.storage.writing import next_version, written_whole


def saved_model(model, folder, *, num_segments=None, size=None, class_names=None):
    """Writes a model as the next version under a folder.

    `serving_default` takes uint8 RGB `frames` `(batch, frames, height, width,
    channels)`; `encoded` takes JPEG `images` `(batch, frames)` instead, which a
    recognizer scales and crops as in its evaluation; `start` and `step` take one
    `frame` at a time. See `signatures` for what they return. Labels, a model
    card and warm-up requests lie in `assets.extra`. The version is written
    beside its name and renamed when whole.

    Args:
        model: an `OFFActionRecognizer`, a restorer or a detector.
        folder: the model's folder; versions are its subfolders 1, 2, ...
        num_segments: segments of a clip; `None` leaves them as the model has
            them.
        size: `(height, width)` of a frame; `None` leaves it as the model has it.
        class_names: names of the classes, for `labels.txt`.

    Returns:
        The path of the new version.

    Raises:
        ValueError: if `class_names`, `num_segments` or `size` does not fit the
            model.

    Example:

    ```python
    export.saved_model(recognizer, "savedmodels/mine", class_names=names)
    ```
    """
    check_class_names(model, class_names)
    served = signatures(model)
    inputs = specify(served, num_segments=num_segments, size=size)
    answers = {
        name: (_checked(function, specs), specs)
        for name, (function, specs) in endpoints(served, inputs).items()
    }
    encode = _encode(model, served, inputs["serving_default"]["frames"])
    if encode is not None:
        answers["encoded"] = encode
    version = next_version(folder)
    with written_whole(version) as temporary:
        functions = write(model, answers, temporary)
        extra = temporary / "assets.extra"
        extra.mkdir()
        if class_names is not None:
            (extra / "labels.txt").write_text("\n".join(class_names) + "\n", "utf-8")
        name = version.parent.name
        card = model_card(model, functions, name=name)
        (extra / "model_card.md").write_text(card, "utf-8")
        examples = example_inputs(served, inputs)
        if encode is not None:
            examples["encoded"] = {"images": jpegs(examples["serving_default"])}
        warmup.write(examples, temporary, model=name)
    return version


def endpoints(served, inputs):
    """Functions for `write`.

    Args:
        served: dict of models, as `signatures` returns it.
        inputs: dict of their inputs, as `specify` returns it.

    Returns:
        A dict from the name to `(function, inputs)`.
    """
    return {name: (_inference(served[name]), specs) for name, specs in inputs.items()}


def write(model, answers, folder):
    """Writes functions as the signatures of a SavedModel.

    Args:
        model: the model whose variables they share.
        answers: dict from the name to `(function, inputs)`, a function from a
            dict to a dict and the `tf.TensorSpec`s of its inputs by name.
        folder: path to write to.

    Returns:
        A dict from the names to the concrete functions.
    """
    archive = keras.export.ExportArchive()
    archive.track(model)
    functions = {
        name: archive.add_endpoint(
            name, function, input_signature=[specs]
        ).get_concrete_function(specs)
        for name, (function, specs) in answers.items()
    }
    with storage.clear_errors(str(folder)):
        archive.write_out(str(folder), verbose=False)
    return functions


def _inference(model):
    return lambda inputs: model(inputs, training=False)


def _checked(function, specs):
    """The function, refusing other shapes by name: TensorFlow does not by itself."""
    return lambda inputs: function(
        {name: tf.ensure_shape(x, specs[name].shape) for name, x in inputs.items()}
    )


def _encode(model, served, frames):
    """The signature on JPEG files, for square views of a recognizer or any frame."""
    _, num_segments, height, width, _ = frames.shape
    crop = height if task_of(model) == RECOGNITION else None
    if not is_rgb(model) or (crop and height != width):
        return None
    return encoded(served["serving_default"], num_segments=num_segments, crop=crop)
