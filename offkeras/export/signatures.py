"""What an exported model answers: named signatures from named tensors.

serving_default   frames           -> result
start             frame            -> state          (where the task has one)
step              frame, state     -> result, state
"""

import keras
import tensorflow as tf
from keras import ops

from offkeras.layers import OFF
from offkeras.models import action_streaming, artifact_streaming
from offkeras.models.action_recognition import fuse_scores
from offkeras.models.detection_head import POOL_SIZE
from offkeras.models.detection_streaming import detection_streaming

RECOGNITION = "action recognition"
RESTORATION = "artifact removal"
DETECTION = "object detection"
# The output that only models of this task have.
OUTPUTS = {"off_3": RECOGNITION, "restored": RESTORATION, "boxes": DETECTION}
# Arguments of `specify` and what they stand for.
_DIMENSIONS = (
    ("num_segments", "number of frames"),
    ("size", "frame height"),
    ("size", "frame width"),
)
_STREAMING = {
    RECOGNITION: action_streaming.streaming,
    RESTORATION: artifact_streaming.streaming,
    DETECTION: detection_streaming,
}
RGB = 3  # channels
# RGB and flow are stored as bytes; frame differences are negative as often as not.
DIFFERENCES = 15  # channels


def task_of(model):
    """The task of a model, told by the names of its outputs.

    Raises:
        ValueError: if the model is none of this library's.
    """
    outputs = model.output if isinstance(model.output, dict) else {}
    for name, task in OUTPUTS.items():
        if name in outputs:
            return task
    raise ValueError(
        "Expected `model` to be an OFFActionRecognizer, a restorer or a detector, "
        f"with an output named {' or '.join(OUTPUTS)}. "
        f"Received: {model.name!r} with outputs {sorted(outputs)}."
    )


def signatures(model):
    """The signatures of a model, preprocessing and postprocessing inside.

    Frames are uint8 (float32 for frame differences). A recognizer answers with
    the fused `logits` and their `probabilities`, step by step with the logits
    of each classifier; a restorer with the uint8 frame `restored`; a detector
    with the dict of `layers.Detections`.

    Args:
        model: an `OFFActionRecognizer`, a `DnCNN`, an `OFFArtifactRemover`, an
            `RFCN` or an `OFFVideoDetector`.

    Returns:
        A dict from the name to a `keras.Model` from a dict to a dict.
    """
    task = task_of(model)
    found = {"serving_default": _serve(model, lambda outputs: _result(outputs, task))}
    if _has_state(model, task):
        start, step = _STREAMING[task](model)
        found["start"] = _serve(start, dict)
        found["step"] = _serve(step, _as_bytes)
    return found


def specify(found, *, batch=None, num_segments=None, size=None, fixed=False):
    """The tensors that signatures are exported for.

    Args:
        found: dict of models, as `signatures` returns it.
        batch: clips at a time; `None` leaves it open.
        num_segments: frames of a clip, where the model leaves it open.
        size: `(height, width)` of a frame, where the model leaves it open.
        fixed: whether every size must be known.

    Returns:
        A dict from the name of a signature to a dict of its `tf.TensorSpec`s.

    Raises:
        ValueError: if an argument does not fit the model, or `fixed` asks for
            one that is missing.
    """
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise ValueError(
            f"`size` must be (height, width) in pixels. Received: {size!r}."
        )
    _, *known, channels = found["serving_default"].input["frames"].shape
    if "start" in found and known[0] is None and num_segments in (0, 1):
        raise ValueError(
            "`num_segments` must be 2 or more, for motion to be seen. "
            f"Received: {num_segments}."
        )
    given = (num_segments, *(size or (None, None)))
    segments, height, width = map(_dimension, _DIMENSIONS, given, known, [fixed] * 3)
    frame = (batch, height, width, channels)
    shapes = {"frames": (batch, segments, height, width, channels), "frame": frame}
    if "start" in found:
        shapes |= _state_shapes(found["start"], frame)
    return {
        name: {
            key: tf.TensorSpec(shapes[key], tensor.dtype, name=key)
            for key, tensor in model.input.items()
        }
        for name, model in found.items()
    }


def pick(found, signature):
    """The model of a signature.

    Raises:
        ValueError: if there is none of this name.
    """
    if signature not in found:
        raise ValueError(
            f"`signature` must be one of {sorted(found)}. Received: {signature!r}."
        )
    return found[signature]


def is_rgb(model):
    """Whether the frames of a model are pictures."""
    return model.input["frames"].shape[-1] == RGB


def check_class_names(model, class_names):
    """Checks that every class has its name.

    Raises:
        ValueError: if `class_names` does not fit the model's outputs.
    """
    task = task_of(model)
    if class_names is None:
        return
    if task == RECOGNITION:
        expected = model.output["off_3"].shape[-1]
    elif task == DETECTION:
        class_maps = model.get_layer("head").get_layer("class_maps")
        expected = class_maps.filters // POOL_SIZE**2 - 1  # without the background
    else:
        expected = 0
    if len(class_names) != expected:
        raise ValueError(
            f"`class_names` must have {expected} names, one a class. "
            f"Received: {len(class_names)}."
        )


def _dimension(names, given, known, fixed):
    """A size of the model, or the one given for it."""
    argument, what = names
    if given is not None and known is not None and given != known:
        raise ValueError(
            f"`{argument}` must fit the model, whose {what} is {known}. "
            f"Received: {given}."
        )
    value = known if given is None else given
    if value is None and fixed:
        raise ValueError(
            f"`{argument}` must be given: this format needs a fixed {what}, and the "
            "model leaves it open."
        )
    return value


def _has_state(model, task):
    num_frames = model.input["frames"].shape[1]
    if task == RECOGNITION:
        return any(isinstance(layer, OFF) for layer in model.layers)
    return num_frames in ((2,) if task == DETECTION else (2, 3))


def _result(outputs, task):
    if task == RECOGNITION:
        logits = fuse_scores(outputs)
        return {"logits": logits, "probabilities": ops.softmax(logits)}
    return _as_bytes(outputs)


def _serve(model, finish):
    """The model between bytes: `frames` or `frame` in, the finished outputs out."""

    def specify(name, tensor):
        is_frame = name in ("frame", "frames") and tensor.shape[-1] != DIFFERENCES
        dtype = "uint8" if is_frame else tensor.dtype
        return keras.Input(tensor.shape[1:], dtype=dtype, name=name)

    inputs = {name: specify(name, tensor) for name, tensor in model.input.items()}
    floats = {
        name: ops.cast(tensor, model.input[name].dtype)
        for name, tensor in inputs.items()
    }
    outputs = finish(model(floats, training=False))
    return keras.Model(inputs, outputs, name=f"{model.name}_serving")


def _as_bytes(outputs):
    """Restored frames as a screen shows them: rounded and clipped."""
    if "restored" not in outputs:
        return outputs
    restored = ops.clip(ops.round(outputs["restored"]), 0, 255)
    return {**outputs, "restored": ops.cast(restored, "uint8")}


def _state_shapes(start, frame):
    """Shapes of the state for frames of this shape."""
    outputs = start.compute_output_spec(
        {"frame": keras.KerasTensor(frame, dtype=start.input["frame"].dtype)}
    )
    return {name: spec.shape for name, spec in outputs.items()}
