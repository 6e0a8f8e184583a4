"""OpenVINO files for processors, GPUs and NPUs of Intel."""

import tempfile
from pathlib import Path

from offkeras.export.assets.examples import check_answers, example_inputs
from offkeras.export.float32 import in_float32
from offkeras.export.signatures import next_state, pick, signatures, specify
from offkeras.export.to_saved_model import endpoints, write
from offkeras.storage.writing import written_whole

# Where a processor has bfloat16, OpenVINO takes that for float32 unless told otherwise.
FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}


def openvino(model, path, *, signature="serving_default", num_segments=None, size=None):
    """Writes one signature of a model for OpenVINO.

    The graph is the `*.xml` file, the weights lie beside it in a `*.bin` file of that
    name. Batch and sizes that the model leaves open stay open. The files are tried
    with OpenVINO before they appear.

    Args:
        model: an `OFFActionRecognizer`, a restorer or a detector.
        path: the file to write, `*.xml`.
        signature: `"serving_default"`, `"start"` or `"step"`, see `signatures`.
            A step returns `next_state_*` for its `state_*`.
        num_segments: frames of a clip, where the model leaves it open.
        size: `(height, width)` of a frame, where the model leaves it open.

    Returns:
        The path.

    Raises:
        ValueError: if an argument does not fit the model, or the suffix is another.
        RuntimeError: if OpenVINO does not answer as the model does.

    Example:

    ```python
    export.openvino(recognizer, "walk.xml")
    openvino.compile_model("walk.xml")({"frames": frames})
    ```
    """
    path = Path(path)
    if path.suffix != ".xml":  # by which OpenVINO finds the weights
        raise ValueError(f"Expected `path` to end in .xml. Received: {path}.")
    served = signatures(in_float32(model))
    inputs = specify(served, num_segments=num_segments, size=size)
    serving_model = next_state(pick(served, signature))
    examples = example_inputs(served, inputs)[signature]
    expected = serving_model(examples, training=False)
    # The graph appears last: it is of no use without its weights.
    with (
        written_whole(path) as graph,
        written_whole(path.with_suffix(".bin")) as weights,
    ):
        _convert(model, serving_model, inputs[signature], graph)
        check_answers(runner(graph)(**examples), expected, "OpenVINO")
        graph.with_suffix(".bin").rename(weights)
    return path


def runner(path):
    """A function from inputs by name to the outputs of an OpenVINO file by name."""
    import openvino

    compiled = openvino.Core().compile_model(str(path), "CPU", FLOAT32)

    def answer(**inputs):
        # One tensor under two names is one output with both; what a step passes on has
        # the name of the input as well.
        return {
            name: value
            for output, value in compiled(inputs).items()
            for name in output.names - inputs.keys()
        }

    return answer


def _convert(model, serving_model, specs, path):
    """Through a SavedModel, whose outputs have names."""
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        write(
            model,
            endpoints({"serving_default": serving_model}, {"serving_default": specs}),
            folder,
        )
        converted = openvino.convert_model(folder)
        openvino.save_model(converted, str(path), compress_to_fp16=False)
