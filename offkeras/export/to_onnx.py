"""ONNX files for onnxruntime and TensorRT from 10 on."""

from pathlib import Path

from offkeras.export.assets.examples import check_answers, example_inputs
from offkeras.export.float32 import in_float32
from offkeras.export.signatures import next_state, pick, signatures, specify
from offkeras.storage.writing import written_whole


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
    serving_model = next_state(pick(served, signature))
    examples = example_inputs(served, inputs)[signature]
    expected = serving_model(examples, training=False)
    with written_whole(path) as temporary:
        serving_model.export(
            str(temporary),
            format="onnx",
            input_signature=[inputs[signature]],
            verbose=False,
        )
        check_answers(_run(temporary, examples), expected, "ONNX")
    return Path(path)


def _run(path, inputs):
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))
