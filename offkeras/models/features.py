"""A recognizer cut in two: features of the frames, and the heads on them."""

import keras
import numpy as np
from keras import ops

from offkeras.layers import OFF, UnfoldTime
from offkeras.models import task

POOLED = f"{task.APPEARANCE}_pool"
# What puts scores of segments into sequences; the other layers of this type do so
# with feature maps.
OF_SCORES = tuple(f"{output}_unfold" for output in task.CLASSIFIERS)


def split(recognizer):
    """A recognizer before and after its features.

    Where the backbone is fixed, the features of a clip are the same in every epoch:
    kept, they leave the heads alone to be computed.

    Args:
        recognizer: an `OFFActionRecognizer`, or a `TSN`, which has no levels.

    Returns:
        `(extract, heads)`: a `keras.Model` from `{"frames"}` to a dict of features,
        the maps `(batch, segments, height, width, channels)` of every level and the
        pooled ones `(batch, segments, channels)` of appearance, and one from these to
        the outputs of `recognizer`. Both share its layers, and so its weights.

    Example:

    ```python
    extract, heads = split(recognizer)
    features = extract({"frames": frames})
    logits = heads(features)  # those of recognizer({"frames": frames})
    ```
    """
    maps = {
        layer.name: layer.output
        for layer in recognizer.layers
        if isinstance(layer, UnfoldTime) and layer.name not in OF_SCORES
    }
    frames = recognizer.input["frames"]
    # (B*T, C) -> (B, T, C)
    pooled = UnfoldTime(name="appearance_features")(
        recognizer.get_layer(POOLED).output, frames
    )
    extract = keras.Model({"frames": frames}, {**maps, POOLED: pooled}, name="features")

    inputs = {
        name: keras.Input(x.shape[1:], dtype=x.dtype, name=name)
        for name, x in extract.output.items()
    }
    x = inputs[POOLED]
    for part in ("dropout", "logits"):
        x = recognizer.get_layer(f"{task.APPEARANCE}_{part}")(x)
    outputs = {
        # (B, T, classes) -> (B, classes)
        task.APPEARANCE: recognizer.get_layer(task.APPEARANCE)(x),
    }
    if maps:
        levels = {name: recognizer.output[name] for name in task.OFF_OUTPUTS}
        levels = keras.Model([*maps.values()], levels, name="levels")
        outputs |= levels([inputs[name] for name in maps])
    return extract, keras.Model(inputs, outputs, name="heads")


def with_classes(recognizer, num_classes, *, any_length=False):
    """A recognizer of other classes: new classifiers on the same weights.

    Args:
        recognizer: an `OFFActionRecognizer`, trained.
        num_classes: number of its new classes.
        any_length: whether to leave the number of segments open.

    Returns:
        A recognizer with a copy of all layers of the old one but its classifiers.
    """
    fresh = {f"{output}_logits" for output in task.CLASSIFIERS}
    config = recognizer.get_config()
    for layer in config["layers"]:
        if layer["name"] in fresh:
            layer["config"]["units"] = num_classes
        elif any_length and layer["name"] == "frames":
            batch, _, *shape = layer["config"]["batch_shape"]
            layer["config"]["batch_shape"] = (batch, None, *shape)
    other = type(recognizer).from_config(config)
    for layer in recognizer.layers:
        if layer.name not in fresh:
            other.get_layer(layer.name).set_weights(layer.get_weights())
    return other


def scale_reductions(recognizer, frames=None):
    """Starts OFF at the scale of what it sees.

    The maps of a pretrained backbone may be ten times as large as those that
    initialisers are made for; OFF then learns clips by heart. The kernel of every
    reduction is divided by the root mean square of its maps.

    Args:
        recognizer: an `OFFActionRecognizer`, not trained.
        frames: `(batch, segments, height, width, channels)` in 0..255. Default:
            noise.
    """
    reductions = {x.name: x for x in recognizer.layers if isinstance(x, OFF)}
    if not reductions:  # a hypercolumn has none
        return
    if frames is None:
        frames = _texture(recognizer.input["frames"].shape)
    inputs = {name: layer.input for name, layer in reductions.items()}
    maps = keras.Model(recognizer.input, inputs)({"frames": frames}, training=False)
    for name, layer in reductions.items():
        square = ops.mean(ops.square(ops.cast(maps[name], "float32")))
        kernel = layer.reduce.kernel
        kernel.assign(kernel / ops.maximum(ops.sqrt(square), keras.config.epsilon()))


def _texture(shape):
    """Frames of coarse and fine noise."""
    _, segments, *size, channels = shape
    rng = np.random.default_rng(0)
    size = [number or 224 for number in size]
    coarse = rng.uniform(0, 255, (segments or 2, 7, 7, channels))
    frames = ops.image.resize(
        coarse.astype("float32"), size, data_format="channels_last"
    )
    fine = rng.normal(0, 20, (segments or 2, *size, channels)).astype("float32")
    return ops.clip(frames + fine, 0, 255)[None]
