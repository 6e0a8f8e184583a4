"""Any model one frame at a time."""

import itertools

import keras
from keras import ops

from offkeras.layers import OFF, FoldTime, Gradients, SegmentConsensus, UnfoldTime
from offkeras.models import task
from offkeras.models.detection_head import detect_in_frame
from offkeras.models.motion import MOTION_LAYERS
from offkeras.models.object_detection import FRAMES, fuse_inputs

MOTION = (OFF, *MOTION_LAYERS.values())
# What a recognizer does with the segments of a clip, and not with one frame.
OF_CLIPS = (FoldTime, UnfoldTime, SegmentConsensus)


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
    restorer. Both models share the layers, and so the weights, of `model`, and have no
    tensor of more than four axes, since the GPUs and NPUs of phones take no others.

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
    maps = head(frame)
    appearance = {task.APPEARANCE: maps.pop(task.APPEARANCE)}
    layers = {name: model.get_layer(name) for name in maps}
    first = {name: layer.remember(maps[name]) for name, layer in layers.items()}
    state = _inputs(_by_layer(first))
    memory = {
        name: {key: state[_key(name, key, kept)] for key in kept}
        for name, kept in first.items()
    }
    following = {
        name: layer.remember(maps[name], memory[name]) for name, layer in layers.items()
    }
    motion = [
        layer.between(memory[name], following[name]) for name, layer in layers.items()
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
    """The recognizer of one frame before its motion layers, and after them."""
    features, motion = {}, []

    def call(layer, *args, **kwargs):
        if isinstance(layer, OF_CLIPS):
            return args[0]
        if not isinstance(layer, MOTION):
            return layer(*args, **kwargs)
        features[layer.name] = args[0]
        # Of the shape of what it will be: that of two frames.
        kept = layer.remember(args[0])
        motion.append(layer.between(kept, kept))
        return motion[-1]

    frame = keras.Input(recognizer.input["frames"].shape[2:], name="frames")
    outputs = dict(
        keras.models.clone_model(
            recognizer,
            {"frames": frame},
            clone_function=lambda layer: layer,
            call_function=call,
        ).output
    )
    appearance = outputs.pop(task.APPEARANCE)
    head = keras.Model(frame, {task.APPEARANCE: appearance, **features}, name="head")
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
        inputs = {**target, **state}
    else:
        first = {"reduced_0": _copy(reduced), **target}
        state = _inputs(first)
        inputs = {"reduced_2": reduced, **state}
        following = {"reduced_0": _copy(state["reduced_1"]), **target}
    stacked = sorted(name for name in inputs if name.startswith("reduced_"))
    restored = _frame_by_frame(tail, inputs, {"off": stacked})
    return _named(first), _named(state), {**restored, **_named(following)}


def _copy(tensor):
    """The same numbers in a tensor of its own.

    LiteRT's compiled models, all those in browsers among them, leave an output
    unwritten that is an input as well, or another output. Its converter leaves out
    what does nothing, but not a pooling over one pixel.
    """
    return ops.max_pool(tensor, 1, data_format="channels_last")


def _detector(model, frame):
    trunk, head = model.get_layer("trunk"), model.get_layer("head")
    extract, reduce, fuse = map(trunk.get_layer, ("extract", "reduce", "fuse"))
    features = extract({"frame": frame})
    reduced = reduce({level: features[level] for level in reduce.input})
    state = _inputs(reduced)
    fused = _frame_by_frame(
        fuse,
        fuse_inputs(features, reduced, state),
        {f"off_{level}": [f"{name}_{level}" for name in FRAMES] for level in reduced},
    )
    detections = detect_in_frame(head, fused["features"], frame)
    first = _named(reduced)
    return first, _named(state), {**detections, **first}


def _frame_by_frame(model, inputs, stacked):
    """The outputs of a model without the stacks of frames that are in it.

    Args:
        model: a `keras.Model` with `Gradients` of stacked inputs.
        inputs: dict of what it takes.
        stacked: dict from the names of these layers to lists of names of inputs.
    """
    if not any(isinstance(layer, Gradients) for layer in model.layers):
        return model(inputs)  # of files from before that layer: nothing is stacked
    layers = [model.get_layer(name) for name in stacked]
    others = sorted(inputs.keys() - {*itertools.chain(*stacked.values())})
    motion = {}

    def call(layer, *args, **kwargs):
        output = layer(*args, **kwargs)
        if layer.name in stacked:
            motion[layer.name] = output
        return output

    # A copy is cut in two: a model that is cut itself can no longer be saved.
    copy = keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=call
    )
    after = keras.Model(
        [motion[name] for name in stacked] + [copy.input[name] for name in others],
        copy.output,
        name=model.name,
    )
    gradients = [
        layer.of_frames([inputs[name] for name in stacked[layer.name]])
        for layer in layers
    ]
    return after([*gradients, *(inputs[name] for name in others)])


def _inputs(tensors):
    """Inputs that take these tensors of an earlier frame."""
    return {
        key: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=f"state_{key}")
        for key, tensor in tensors.items()
    }


def _named(tensors):
    return {f"state_{key}": tensor for key, tensor in tensors.items()}
