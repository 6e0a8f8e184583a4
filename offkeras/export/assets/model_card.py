"""What an exported model is, for those who find it."""

import datetime

import keras
import tensorflow as tf

from offkeras.models.task import DETECTION, RECOGNITION, RESTORATION, task_of

NOTES = {
    RECOGNITION: "A frame is a centre crop, its shorter side scaled to 256/224 of the "
    "size before. `logits` are the mean of `appearance` over the frames of a clip, "
    "plus the mean of `off_3` over its pairs: `start` gives the first frame's, `step` "
    "those of a frame and of the pair that it ends.",
    RESTORATION: "Of three frames the middle one is restored, so that a `step` gives "
    "the frame before; of two it is the last.",
    DETECTION: "Boxes are x1, y1, x2, y2 in pixels of the last frame; `count` is how "
    "many there are.",
}


def model_card(model, functions, *, name):
    """A model card in markdown.

    Args:
        model: the exported model.
        functions: dict of the concrete functions of its signatures.
        name: name that it is served under.

    Returns:
        The text.
    """
    lines = [
        f"# {name}",
        "",
        f"`{model.name}`: {task_of(model)} with OFF (optical flow guided features), "
        f"{model.count_params():,} parameters.",
        f"Exported on {datetime.date.today().isoformat()} with TensorFlow "
        f"{tf.__version__} and Keras {keras.__version__}. Frames are RGB in 0..255; "
        "their normalisation is part of the graph.",
        NOTES[task_of(model)],
    ]
    for signature, function in functions.items():
        (inputs,), _ = function.structured_input_signature
        lines += ["", f"## {signature}", "", "| | name | type | shape |"]
        lines += ["|---|---|---|---|"]
        lines += _rows("in", inputs) + _rows("out", function.structured_outputs)
    return "\n".join(lines) + "\n"


def _rows(direction, specifications):
    return [
        f"| {direction} | `{name}` | {spec.dtype.name} | {_shape(spec.shape)} |"
        for name, spec in specifications.items()
    ]


def _shape(shape):
    return " x ".join("?" if size is None else str(size) for size in shape)
