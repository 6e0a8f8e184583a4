"""One look at motion: the OFF of two frames as a picture (Fig. 1 of the paper)."""

import keras
import numpy as np

from offkeras.layers import SpatialGradient, TemporalDifference
from offkeras.video.color import BT601


def motion_maps(frames, *, recognizer=None, level=1):
    """The OFF of two frames.

    Args:
        frames: uint8 RGB `(2, height, width, 3)`, the earlier frame first.
        recognizer: an `OFFActionRecognizer` of `variant="paper"` whose features
            are shown: of their channels, the one in which most changes. Without
            it the feature is the brightness itself, the special case f = I of
            section 3.
        level: OFF level of the recognizer, 1 to 3.

    Returns:
        A dict of float32 maps `(h, w)`: `feature` (of the earlier frame), `Fx`,
        `Fy`, `Ft`.

    Raises:
        ValueError: if there are not two RGB frames, or the level does not exist.
    """
    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[0] != 2 or frames.shape[-1] != 3:
        raise ValueError(
            "`frames` must be two RGB frames (2, height, width, 3). "
            f"Received: shape {frames.shape}."
        )
    if recognizer is None:
        red, blue = BT601
        weights = np.array([red, 1 - red - blue, blue], "float32")
        luma = frames.astype("float32") @ weights
        features = luma[None, ..., None]  # (2, H, W) -> (1, 2, H, W, 1)
    else:
        features = _reduced_features(frames, recognizer, level)
    spatial = np.asarray(SpatialGradient()(features[:, :1]))[0, 0]
    temporal = np.asarray(TemporalDifference()(features))[0, 0]
    fx, fy = np.split(spatial, 2, axis=-1)
    channel = np.abs(temporal).sum(axis=(0, 1)).argmax()
    return {
        "feature": np.asarray(features)[0, 0, ..., channel],
        "Fx": fx[..., channel],
        "Fy": fy[..., channel],
        "Ft": temporal[..., channel],
    }


def _reduced_features(frames, recognizer, level):
    """Channel-reduced features of an OFF level, float32 `(1, 2, h, w, c)`."""
    name = f"off_layer_{level}"
    if name not in [layer.name for layer in recognizer.layers]:
        raise ValueError(
            "`level` must be 1, 2 or 3 of a recognizer of variant='paper' with OFF. "
            f"Received: level={level}, model {recognizer.name!r}."
        )
    off = recognizer.get_layer(name)
    features = keras.Model(recognizer.input, off.input)
    height, width = recognizer.input["frames"].shape[2:4]
    resized = keras.ops.image.resize(frames.astype("float32"), (height, width))
    # (2, H, W, 3) -> (1, 2, H, W, 3) -> (1, 2, h, w, C) -> (1, 2, h, w, c)
    sequence = features({"frames": resized[None]}, training=False)
    return np.asarray(off.reduce(sequence[0]))[None]


def draw_motion(frames, maps, path):
    """Draws two frames and their OFF side by side as PNG.

    Positive values are red, negative ones cyan, as in Fig. 1; every map is
    scaled so that its strongest 0.5 % saturate.

    Args:
        frames: uint8 RGB `(2, height, width, 3)`.
        maps: dict of maps as `motion_maps` returns it.
        path: file to write.
    """
    from matplotlib.figure import Figure

    panels = {
        "frame t": frames[0],
        "frame t + Δt": frames[1],
        **{name: _red_and_cyan(values) for name, values in maps.items()},
    }
    height = 2 * (4 * frames.shape[1] / frames.shape[2] + 0.4)
    figure = Figure(figsize=(12, height), layout="constrained")
    for axes, (name, image) in zip(
        figure.subplots(2, 3).flat, panels.items(), strict=True
    ):
        axes.imshow(image)
        axes.set_title(name)
        axes.axis("off")
    figure.savefig(path, dpi=80)


def _red_and_cyan(values):
    """Values as uint8 RGB: white at zero, red above, cyan below."""
    strongest = np.percentile(np.abs(values), 99.5)
    scaled = values / max(strongest, np.finfo(np.float32).tiny)
    red = 1 - np.clip(-scaled, 0, 1)
    cyan = 1 - np.clip(scaled, 0, 1)
    return (255 * np.stack([red, cyan, cyan], axis=-1)).round().astype(np.uint8)
