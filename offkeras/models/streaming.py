"""Any model one frame at a time."""

import keras

from offkeras.layers import OFF
from offkeras.models import task
from offkeras.models.motion import MOTION_LAYERS
from offkeras.models.object_detection import fuse_inputs

MOTION = (OFF, *MOTION_LAYERS.values())


def has_state(model):
    """Whether a model keeps anything of a frame for the next ones.

    Args:
        model: an `OFFActionRecognizer`, a restorer or a detector.

    Returns:
        `True` of a recognizer with motion layers, OFF or others, an
        `OFFArtifactRemover` of 2 or 3 frames and an `OFFVideoDetector` of 2 frames.
    """
    name = task.task_of(model)
    if name == task.RECOGNITION:
        return any(isinstance(layer, MOTION) for layer in model.layers)
    num_frames = model.input["frames"].shape[1]
    return num_frames == 2 or (name == task.RESTORATION and num_frames == 3)


def streaming(model):
    """A model, one frame at a time.

    The state holds what was computed for earlier frames, their reduced features
    above all, so that a frame costs one pass of the backbone, or of the head of a
    restorer. Both models share the layers, and so the weights, of `model`.

    - **Recognizer**: `start` returns `appearance` beside the state, a step
      `appearance` of its frame and `off_1`, `off_2` and `off_3` of the pair that it
      ends. Their means over the steps are what the recognizer gives for the whole
      clip (equation 8).
    - **Restorer**: with 2 frames a step returns the frame that it is given, from the
      first one on. With 3 it returns the frame before: step from the second frame
      on, and once more with the last. So the video is continued by repeating its
      first frame and its last.
    - **Detector**: a step returns the detections of its frame, from the first one
      on, which is its own reference.

    Args:
        model: an `OFFActionRecognizer` with motion layers of any kind, an
            `OFFArtifactRemover` of 2 or 3 frames or an `OFFVideoDetector` of 2.

    Returns:
        `(start, step)`: a `keras.Model` from the first `{"frame"}`, `(batch,
        height, width, channels)` in 0..255, to the state, a dict of tensors whose
        names begin with `state_`, and one from `{"frame", **state}` to the outputs
        and the new state.

    Raises:
        ValueError: if the model has no state.

    Example:

    ```python
    start, step = streaming(detector)
    # (T, H, W, 3) -> (T, 1, H, W, 3). Keras takes no arrays of NumPy beside tensors.
    frames = keras.ops.convert_to_tensor(frames[:, None])
    state = start({"frame": frames[0]})
    for frame in frames:
        outputs = step({"frame": frame, **state})
        state = {key: outputs.pop(key) for key in state}
    ```
    """
    if not has_state(model):
        raise ValueError(
            "streaming expects an OFFActionRecognizer with OFF layers, an "
            "OFFArtifactRemover of 2 or 3 frames or an OFFVideoDetector of 2 frames. "
            f"Received: {model.name!r}, which has no state."
        )
    make = {
        task.RECOGNITION: _recognizer,
        task.RESTORATION: _restorer,
        task.DETECTION: _detector,
    }[task.task_of(model)]
    frame = keras.Input(model.input["frames"].shape[2:], name="frame")
    first, state, outputs = make(model, frame)
    start = keras.Model({"frame": frame}, first, name=f"{model.name}_start")
    step = keras.Model({"frame": frame, **state}, outputs, name=f"{model.name}_step")
    return start, step


def _recognizer(model, frame):
    head, tail = _split(model)
    features = head(frame[:, None])  # (B, H, W, C) -> (B, 1, H, W, C)
    appearance = {task.APPEARANCE: features.pop(task.APPEARANCE)}
    layers = {name: model.get_layer(name) for name in features}
    # (B, 1, H, W, C) -> (B, H, W, C)
    maps = {name: features[name][:, 0] for name in layers}
    first = {name: layer.remember(maps[name]) for name, layer in layers.items()}
    state = _inputs(_by_layer(first))
    memory = {
        name: {key: state[_key(name, key, kept)] for key in kept}
        for name, kept in first.items()
    }
    following = {
        name: layer.remember(maps[name], memory[name]) for name, layer in layers.items()
    }
    # (B, H, W, C) -> (B, 1, H, W, C)
    motion = [
        layer.between(memory[name], following[name])[:, None]
        for name, layer in layers.items()
    ]
    first, following = (_named(_by_layer(kept)) for kept in (first, following))
    outputs = {**tail(motion), **appearance, **following}
    return {**appearance, **first}, _named(state), outputs


def _by_layer(memories):
    """What layers keep, in one dict."""
    return {
        _key(name, key, kept): tensor
        for name, kept in memories.items()
        for key, tensor in kept.items()
    }


def _key(name, key, kept):
    """The key of a tensor: the name of its layer, where that keeps one alone."""
    return name if len(kept) == 1 else f"{name}_{key}"


def _split(recognizer):
    """The recognizer before and after its motion layers, for any number of segments."""
    features, motion = {}, []

    def call(layer, *args, **kwargs):
        output = layer(*args, **kwargs)
        if isinstance(layer, MOTION):
            features[layer.name] = args[0]
            motion.append(output)
        return output

    frames = keras.Input((None, *recognizer.input["frames"].shape[2:]), name="frames")
    outputs = dict(
        keras.models.clone_model(
            recognizer,
            {"frames": frames},
            clone_function=lambda layer: layer,
            call_function=call,
        ).output
    )
    appearance = outputs.pop(task.APPEARANCE)
    head = keras.Model(frames, {task.APPEARANCE: appearance, **features}, name="head")
    return head, keras.Model(motion, outputs, name="tail")


def _restorer(model, frame):
    head, tail = model.get_layer("head"), model.get_layer("tail")
    new = head({"frame": frame})
    features, reduced = new["features"], new["reduced"]
    # The state holds the inputs of the tail that come from earlier frames.
    target = {"frame": frame, "features": features, "reduced_1": reduced}
    if model.input["frames"].shape[1] == 2:
        first = following = {"reduced_0": reduced}
        state = _inputs(first)
        restored = tail({**target, **state})
    else:
        first = {"reduced_0": reduced, **target}
        state = _inputs(first)
        restored = tail({"reduced_2": reduced, **state})
        following = {"reduced_0": state["reduced_1"], **target}
    return _named(first), _named(state), {**restored, **_named(following)}


def _detector(model, frame):
    trunk, head = model.get_layer("trunk"), model.get_layer("head")
    extract, reduce, fuse = map(trunk.get_layer, ("extract", "reduce", "fuse"))
    features = extract({"frame": frame})
    reduced = reduce({level: features[level] for level in reduce.input})
    state = _inputs(reduced)
    fused = fuse(fuse_inputs(features, reduced, state))
    # (B, H, W, 3) -> (B, 1, H, W, 3)
    detections = head({"frames": frame[:, None], **fused})
    first = _named(reduced)
    return first, _named(state), {**detections, **first}


def _inputs(tensors):
    """Inputs that take these tensors of an earlier frame."""
    return {
        key: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=f"state_{key}")
        for key, tensor in tensors.items()
    }


def _named(tensors):
    return {f"state_{key}": tensor for key, tensor in tensors.items()}
