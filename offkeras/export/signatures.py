"""What an exported model answers: named signatures from named tensors.

serving_default   frames           -> result
start             frame            -> state          (where the task has one)
step              frame, state     -> result, state
"""

import keras
import tensorflow as tf
from keras import ops

from offkeras import modalities
from offkeras.models.detection_head import POOL_SIZE
from offkeras.models.streaming import has_state, streaming
from offkeras.models.task import (
    DETECTION,
    OFF_OUTPUTS,
    RECOGNITION,
    check_finite,
    fuse_scores,
    task_of,
)

# Arguments of `specify` and what they stand for.
_DIMENSIONS = (
    ("num_segments", "number of frames"),
    ("size", "frame height"),
    ("size", "frame width"),
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

    Raises:
        ValueError: if a weight of the model is no finite number.
    """
    check_finite(model)
    task = task_of(model)
    served = {"serving_default": _serve(model, lambda outputs: _result(outputs, task))}
    if has_state(model):
        start, step = streaming(model)
        served["start"] = _serve(start, dict)
        served["step"] = _serve(step, _as_bytes)
    return served


def specify(served, *, batch=None, num_segments=None, size=None, fixed=False):
    """The tensors that signatures are exported for.

    Args:
        served: dict of models, as `signatures` returns it.
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
    _, *known, channels = served["serving_default"].input["frames"].shape
    if "start" in served and known[0] is None and num_segments in (0, 1):
        raise ValueError(
            "`num_segments` must be 2 or more, for motion to be seen. "
            f"Received: {num_segments}."
        )
    given = (num_segments, *(size or (None, None)))
    segments, height, width = map(_dimension, _DIMENSIONS, given, known, [fixed] * 3)
    frame = (batch, height, width, channels)
    shapes = {"frames": (batch, segments, height, width, channels), "frame": frame}
    if "start" in served:
        shapes |= _state_shapes(served["start"], frame)
    return {
        name: {
            key: tf.TensorSpec(shapes[key], tensor.dtype, name=key)
            for key, tensor in model.input.items()
        }
        for name, model in served.items()
    }


def pick(served, signature):
    """The model of a signature.

    Raises:
        ValueError: if there is none of this name.
    """
    if signature not in served:
        raise ValueError(
            f"`signature` must be one of {sorted(served)}. Received: {signature!r}."
        )
    return served[signature]


def next_state(model):
    """A step that returns `next_state_*` for its `state_*`.

    The names of a graph are unique in ONNX and OpenVINO, so that the new state needs
    its own.
    """
    return keras.Model(
        model.input,
        {
            f"next_{name}" if name in model.input else name: tensor
            for name, tensor in model.output.items()
        },
        name=model.name,
    )


def modality_of(frames):
    """The modality of frames, by their channels; bytes where it is none of ours."""
    channels = frames.shape[-1]
    return modalities.of_channels(channels) or modalities.Modality("other", channels)


def is_rgb(model):
    """Whether the frames of a model are pictures."""
    return modality_of(model.input["frames"]) is modalities.find("rgb")


def check_class_names(model, class_names):
    """Checks that every class has its name.

    Raises:
        ValueError: if `class_names` does not fit the model's outputs.
    """
    task = task_of(model)
    if class_names is None:
        return
    if task == RECOGNITION:
        expected = model.output[OFF_OUTPUTS[-1]].shape[-1]
    elif task == DETECTION:
        class_maps = model.get_layer("head").get_layer("class_maps")
        expected = class_maps.filters // POOL_SIZE**2 - 1  # without the background
    else:
        expected = 0
    if len(class_names) != expected:
        raise ValueError(
            f"`class_names` must have {expected} names, one per class. "
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


def _result(outputs, task):
    if task == RECOGNITION:
        logits = fuse_scores(outputs)
        return {"logits": logits, "probabilities": ops.softmax(logits)}
    return _as_bytes(outputs)


def _serve(model, finish):
    """The model between bytes: `frames` or `frame` in, the finished outputs out."""

    def specify(name, tensor):
        is_frame = name in ("frame", "frames")
        dtype = modality_of(tensor).dtype if is_frame else tensor.dtype
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
