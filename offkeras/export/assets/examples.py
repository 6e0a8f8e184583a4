"""Inputs to try a model with, and whether a file answers as the model does."""

import numpy as np
import tensorflow as tf

from offkeras.export.signatures import specify

# Where a model leaves them open.
NUM_SEGMENTS = 4
SIDE = 256  # pixels
TOLERANCE = 1e-4  # of the largest value


def example_inputs(served, inputs, *, batch=1, seed=0):
    """Random inputs of every signature.

    Args:
        served: dict of models, as `signatures` returns it.
        inputs: dict of their inputs, as `specify` returns it.
        batch: clips at a time.
        seed: of the values: frames in 0..255, states in 0..1.

    Returns:
        A dict from the name of a signature to its inputs by name, NumPy arrays.
    """
    _, segments, height, width, _ = inputs["serving_default"]["frames"].shape
    closed = specify(
        served,
        batch=batch,
        num_segments=segments or NUM_SEGMENTS,
        size=(height or SIDE, width or SIDE),
    )
    rng = np.random.default_rng(seed)
    return {
        name: {
            key: rng.uniform(0, 1 if key.startswith("state_") else 255, spec.shape)
            .round(2)
            .astype(spec.dtype.as_numpy_dtype)
            for key, spec in specs.items()
        }
        for name, specs in closed.items()
    }


def check_answers(actual, expected, kind):
    """Checks that a file answers as the model does.

    Args:
        actual: dict of what the file answers, NumPy arrays.
        expected: dict of what the model answers.
        kind: what the file is, for the error.

    Raises:
        RuntimeError: if it does not.
    """
    for name, value in expected.items():
        # Of equal scores either box may come first.
        if name in ("boxes", "classes", "count"):
            continue
        value = np.asarray(value)
        allowed = TOLERANCE * np.abs(value).max() + (value.dtype == np.uint8)
        error = np.abs(actual[name].astype(float) - value).max()
        if not error <= allowed:
            raise RuntimeError(
                f"{name} of the {kind} file differs from the model by {error:.1e}. "
                f"Expected at most {allowed:.1e}."
            )


def jpegs(inputs):
    """The frames of clips as JPEG files, an array of bytes `(batch, frames)`."""
    files = [
        [tf.io.encode_jpeg(frame).numpy() for frame in clip]
        for clip in inputs["frames"]
    ]
    return np.array(files, object)
