"""Action recognition one segment at a time."""

import keras
from keras import ops

from offkeras.layers import OFF


def streaming(recognizer):
    """An `OFFActionRecognizer`, one segment at a time.

    The state keeps the reduced features of the segment before, so that a segment
    costs one pass of the backbone and one OFF a level. The logits of a step belong
    to the new segment (`appearance`) and to the pair it ends (`off_1`, `off_2`,
    `off_3`); their means over the steps are what the recognizer gives for the whole
    clip (equation 8). All three models share the layers, and so the weights.

    Args:
        recognizer: an `OFFActionRecognizer` with a spatial or a temporal part.

    Returns:
        `(start, step)`: a `keras.Model` from the first `{"frame"}`, `(batch, height,
        width, channels)` in 0..255, to `{"appearance", **state}`, and one from
        `{"frame", **state}` to `{"appearance", "off_1", "off_2", "off_3", **state}`.
        The names of the state begin with `state_`.

    Raises:
        ValueError: if the model has no OFF layer, and so no state.

    Example:

    ```python
    start, step = streaming(recognizer)
    outputs = start({"frame": frames[0]})
    for frame in frames[1:]:
        state = {k: v for k, v in outputs.items() if k.startswith("state_")}
        outputs = step({"frame": frame, **state})
    ```
    """
    if not any(isinstance(layer, OFF) for layer in recognizer.layers):
        raise ValueError(
            "streaming expects an OFFActionRecognizer with OFF layers. "
            f"Received: {recognizer.name!r}, which has none, and so no state."
        )
    frame = keras.Input(recognizer.input["frames"].shape[2:], name="frame")
    head, tail = _split(recognizer)
    features = head(frame[:, None])  # (B, H, W, C) -> (B, 1, H, W, C)
    appearance = features.pop("appearance")

    state, following, motion = {}, {}, []
    for name, maps in features.items():
        off = recognizer.get_layer(name)
        reduced = off.reduce(maps[:, 0])  # (B, 1, H, W, C) -> (B, H, W, filters)
        key = f"state_{name}"
        state[key] = keras.Input(reduced.shape[1:], dtype=reduced.dtype, name=key)
        following[key] = reduced
        # 2 times (B, H, W, filters) -> (B, 2, H, W, filters)
        motion.append(off.gradients(ops.stack([state[key], reduced], axis=1)))

    start = keras.Model(
        {"frame": frame},
        {"appearance": appearance, **following},
        name=f"{recognizer.name}_start",
    )
    step = keras.Model(
        {"frame": frame, **state},
        {"appearance": appearance, **tail(motion), **following},
        name=f"{recognizer.name}_step",
    )
    return start, step


def _split(recognizer):
    """The recognizer before and after its OFF layers, for any number of segments."""
    features, motion = {}, []

    def call(layer, *args, **kwargs):
        output = layer(*args, **kwargs)
        if isinstance(layer, OFF):
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
    appearance = outputs.pop("appearance")
    head = keras.Model(frames, {"appearance": appearance, **features}, name="head")
    return head, keras.Model(motion, outputs, name="tail")
