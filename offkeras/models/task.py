"""What task a model does, the names of its outputs, and how its scores are fused."""

import keras

RECOGNITION = "action recognition"
RESTORATION = "artifact removal"
DETECTION = "object detection"
# The output that only models of this task have.
OUTPUTS = {"off_3": RECOGNITION, "restored": RESTORATION, "boxes": DETECTION}

# Outputs of a recognizer, and what its scores are fused from (section 4.3).
APPEARANCE = "appearance"
OFF_OUTPUTS = ("off_1", "off_2", "off_3")
CLASSIFIERS = (APPEARANCE, *OFF_OUTPUTS)
FUSED = (APPEARANCE, OFF_OUTPUTS[-1])
FUSED_NAME = " + ".join(FUSED)


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


def fuse_scores(outputs):
    """Score of a recognizer: appearance plus the last OFF level.

    Section 4.3: the scores of the feature generation network and of the last
    level of the OFF network are summed.

    Args:
        outputs: dict of logits, as an `OFFActionRecognizer` returns it, or a `TSN`,
            which has appearance alone.

    Returns:
        Logits `(batch, num_classes)`.
    """
    appearance, last = outputs[APPEARANCE], FUSED[-1]
    return appearance + outputs[last] if last in outputs else appearance


def check_finite(model):
    """Refuses a model of which nothing but NaN would come.

    Raises:
        ValueError: if a weight is no number or infinite.
    """
    wrong = [
        weight.path
        for weight in model.weights
        if keras.backend.is_float_dtype(weight.dtype)
        and not bool(keras.ops.all(keras.ops.isfinite(weight)))
    ]
    if wrong:
        raise ValueError(
            f"Expected weights of {model.name!r} that are finite numbers. Received: "
            f"NaN or infinity in {len(wrong)} of {len(model.weights)}, the first of "
            f"them {wrong[0]}."
        )


def backbone_of(model):
    """The backbone of a recognizer or a detector: the network that sees the frames.

    Args:
        model: a `TSN`, an `OFFActionRecognizer`, an `RFCN` or an
            `OFFVideoDetector`.

    Returns:
        The `keras.Model`, which shares its weights with `model`.

    Raises:
        ValueError: if there is none.
    """
    inner = _models_in(model)
    if "trunk" in inner:  # of a detector
        inner = _models_in(inner["trunk"].get_layer("extract"))
    if len(inner) != 1:
        raise ValueError(
            "Expected a recognizer or a detector, with one backbone in it. "
            f"Received: {model.name!r}, with the models {list(inner)} in it."
        )
    (backbone,) = inner.values()
    return backbone


def layers_within(model):
    """Yields every layer of a model and of the models within it."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_within(layer)
        else:
            yield layer


def _models_in(model):
    return {
        layer.name: layer for layer in model.layers if isinstance(layer, keras.Model)
    }
