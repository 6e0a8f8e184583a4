"""Artifact removal one frame at a time."""

import keras

from offkeras.models.artifact_removal import CHANNELS


def streaming(model):
    """An `OFFArtifactRemover` of 2 or 3 frames, one frame at a time.

    The state keeps what the head computed for earlier frames, so that a frame
    costs one head and one tail. Before the first frame and after the last one
    the video is continued by repeating that frame. The two models share the
    layers, and so the weights, of `model`.

    With 2 frames a step returns the frame it is given, from the first one on.
    With 3 it returns the frame before: step from the second frame on, and once
    more with the last.

    Args:
        model: an `OFFArtifactRemover` with `num_frames` 2 or 3.

    Returns:
        `(start, step)`: a `keras.Model` from the first `{"frame"}`, `(batch,
        height, width, 3)` in 0..255, to a state, which is a dict of tensors,
        and one from `{"frame", **state}` to `{"restored", **state}`.

    Raises:
        ValueError: if `model` is no `OFFArtifactRemover` of 2 or 3 frames.

    Example:

    ```python
    start, step = streaming(model)
    state = start({"frame": frames[0]})
    for frame in [*frames[1:], frames[-1]]:  # with 2 frames: in frames
        state = step({"frame": frame, **state})
        restored = state.pop("restored")
    ```
    """
    num_frames = model.inputs[0].shape[1]
    names = [layer.name for layer in model.layers]
    if num_frames < 2 or "head" not in names or "tail" not in names:
        raise ValueError(
            "streaming expects an OFFArtifactRemover of 2 or 3 frames. "
            f"Received: {model.name!r}, which takes {num_frames} frame(s) and has no "
            "state."
        )
    head, tail = model.get_layer("head"), model.get_layer("tail")
    frame = keras.Input((None, None, CHANNELS), name="frame")
    new = head({"frame": frame})
    features, reduced = new["features"], new["reduced"]

    # The state holds the inputs of the tail that come from earlier frames.
    if num_frames == 2:
        first = {"reduced_0": reduced}
        state = _state_inputs(first)
        restored = tail(
            {"frame": frame, "features": features, "reduced_1": reduced, **state}
        )
        following = first
    else:
        target = {"frame": frame, "features": features, "reduced_1": reduced}
        first = {"reduced_0": reduced, **target}
        state = _state_inputs(first)
        restored = tail({"reduced_2": reduced, **state})
        following = {"reduced_0": state["reduced_1"], **target}

    def named(tensors):
        return {f"state_{key}": tensor for key, tensor in tensors.items()}

    start = keras.Model({"frame": frame}, named(first), name=f"{model.name}_start")
    step = keras.Model(
        {"frame": frame, **named(state)},
        {**restored, **named(following)},
        name=f"{model.name}_step",
    )
    return start, step


def _state_inputs(tensors):
    return {
        key: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=f"state_{key}")
        for key, tensor in tensors.items()
    }
