"""Where in the frames a recognizer sees a class: class activation maps."""

import keras
import numpy as np

from offkeras.metrics import predicted_classes
from offkeras.models.task import CLASSIFIERS, fuse_scores


def activation_maps(frames, recognizer, *, label=None):
    """Class activation maps (Zhou et al., 2016) of every classifier.

    Each classifier of a recognizer is linear on globally averaged maps: the last
    features of the backbone for `appearance`, the refined OFF of a level for
    `off_1` to `off_3` (of `variant="released"` at level 1 after a max pooling). The
    map of a class is the sum of these, weighted as the classifier weights their
    averages: its mean, and the bias, are the logit.

    Args:
        frames: uint8 RGB `(T, height, width, 3)`, segments of a clip of the size of
            the recognizer, two or more.
        recognizer: an `OFFActionRecognizer` for RGB.
        label: index of the class; default: the most probable one.

    Returns:
        `(label, maps)`: the index, and a dict by classifier of float32 maps
        `(segments, h, w)`; a pair of frames is a segment of OFF.

    Raises:
        ValueError: if the frames do not fit, or there is no such class.
    """
    frames = np.asarray(frames)
    expected = recognizer.input["frames"].shape[1:]
    fits = frames.ndim == len(expected) and all(
        side in (None, given)
        for side, given in zip(expected, frames.shape, strict=True)
    )
    if not fits or len(frames) < 2:
        raise ValueError(
            f"Expected `frames` to be two or more of shape {expected}. "
            f"Received: {frames.shape}."
        )
    pooled = {name: recognizer.get_layer(f"{name}_pool").input for name in CLASSIFIERS}
    logits = {name: recognizer.output[name] for name in CLASSIFIERS}
    model = keras.Model(recognizer.input, {"maps": pooled, "logits": logits})
    # (T, H, W, 3) -> (1, T, H, W, 3)
    outputs = model({"frames": frames[None].astype("float32")}, training=False)
    scores = np.asarray(fuse_scores(outputs["logits"]))[0]
    if label is None:
        label = int(predicted_classes(scores))
    if not 0 <= label < len(scores):
        raise ValueError(
            f"Expected `label` to be 0 to {len(scores) - 1}. Received: {label}."
        )
    maps = {}
    for name, features in outputs["maps"].items():
        kernel = np.asarray(recognizer.get_layer(f"{name}_logits").kernel)
        # (T, h, w, C) x (C,) -> (T, h, w)
        maps[name] = np.asarray(features, "float32") @ kernel[:, label]
    return label, maps


def draw_activation(frames, maps, path, *, title):
    """Draws the first segment with the maps of every classifier over it, as PNG.

    Red is what speaks for the class; every map is scaled to its own largest value.

    Args:
        frames: uint8 RGB `(T, height, width, 3)`.
        maps: what `activation_maps` returns.
        path: file to write.
        title: name of the class.
    """
    import cv2
    from matplotlib.figure import Figure

    height, width = frames.shape[1:3]
    figure = Figure(figsize=(3 * len(maps) + 3, 3.7), layout="constrained")
    figure.suptitle(title, parse_math=False)  # $ begins no formula
    first, *others = figure.subplots(1, len(maps) + 1)
    first.imshow(frames[0])
    first.set_title("frame t")
    for axes, (name, values) in zip(others, maps.items(), strict=True):
        heat = np.maximum(values[0], 0)
        heat = heat / max(heat.max(), np.finfo("float32").tiny)
        heat = cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR)
        axes.imshow(frames[0])
        axes.imshow(heat, cmap="jet", alpha=0.5, vmin=0, vmax=1)
        axes.set_title(name)
    for axes in (first, *others):
        axes.axis("off")
    figure.savefig(path, dpi=80)
