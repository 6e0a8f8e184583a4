"""ONNX files for onnxruntime, OpenVINO and TensorRT from 10 on."""

from pathlib import Path

import keras
import numpy as np

from offkeras.export.assets.examples import example_inputs
from offkeras.export.float32 import in_float32
from offkeras.export.signatures import pick, signatures, specify
from offkeras.storage.writing import written_whole

TOLERANCE = 1e-4  # of the largest value


def onnx(model, path, *, signature="serving_default", num_segments=None, size=None):
    """Writes one signature of a model as an ONNX file.

    Batch and sizes that the model leaves open stay open. The file is tried with
    onnxruntime before it appears.

    Args:
        model: an `OFFActionRecognizer`, a restorer or a detector.
        path: the file to write, `*.onnx`.
        signature: `"serving_default"`, `"start"` or `"step"`, see `signatures`.
            A step returns `next_state_*` for its `state_*`.
        num_segments: frames of a clip, where the model leaves it open.
        size: `(height, width)` of a frame, where the model leaves it open.

    Returns:
        The path.

    Raises:
        ValueError: if an argument does not fit the model.
        RuntimeError: if onnxruntime does not answer as the model does.

    Example:

    ```python
    export.onnx(recognizer, "walk.onnx")
    onnxruntime.InferenceSession("walk.onnx").run(None, {"frames": frames})
    ```
    """
    served = signatures(in_float32(model))
    inputs = specify(served, num_segments=num_segments, size=size)
    serving_model = _rename_state(pick(served, signature))
    examples = example_inputs(served, inputs)[signature]
    expected = serving_model(examples, training=False)
    with written_whole(path) as temporary:
        serving_model.export(
            str(temporary),
            format="onnx",
            input_signature=[inputs[signature]],
            verbose=False,
        )
        _check(temporary, examples, expected)
    return Path(path)


def _rename_state(model):
    """The names of a graph are unique in ONNX, so the new state needs its own."""
    return keras.Model(
        model.input,
        {
            f"next_{name}" if name in model.input else name: tensor
            for name, tensor in model.output.items()
        },
        name=model.name,
    )


def _check(path, inputs, expected):
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    actual = dict(zip(names, session.run(None, inputs), strict=True))
    for name, value in expected.items():
        # Of equal scores either box may come first.
        if name in ("boxes", "classes", "count"):
            continue
        value = np.asarray(value)
        allowed = TOLERANCE * np.abs(value).max() + (value.dtype == np.uint8)
        error = np.abs(actual[name].astype(float) - value).max()
        if not error <= allowed:
            raise RuntimeError(
                f"{name} of the ONNX file differs from the model by {error:.1e}. "
                f"Expected at most {allowed:.1e}."
            )
