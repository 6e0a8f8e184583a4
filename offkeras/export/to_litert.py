"""LiteRT files (TensorFlow Lite) for phones and small computers."""

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from offkeras.export.assets.calibration import check_calibration
from offkeras.export.float32 import in_float32
from offkeras.export.signatures import check_class_names, signatures, specify
from offkeras.export.to_saved_model import endpoints, write
from offkeras.storage.writing import written_whole

REASON = "the reason: "  # before what the converter says, as its last words
QUANTIZATIONS = ("float32", "float16", "dynamic", "int8")


def litert(
    model,
    path,
    *,
    quantize="float32",
    num_segments=None,
    size=None,
    calibration=None,
    class_names=None,
):
    """Writes a LiteRT file of built-in operators only.

    The signatures are those of `signatures`, for one clip of fixed size: the
    whole clip and, where the task has a stream, `start` and `step`, with which
    a phone pays one pass through the backbone a frame. They share the weights.
    The file is tried with `ai_edge_litert` before it appears.

    Args:
        model: an `OFFActionRecognizer`, a restorer or a detector.
        path: the file to write, `*.tflite`.
        quantize: `"float32"`; `"float16"` stores weights in half precision;
            `"dynamic"` stores them as int8 and computes on int8 where that is
            quicker; `"int8"` computes on int8 throughout, with ranges measured
            on `calibration`. Of a detector that is all up to the last
            convolutions: proposals, pooling and suppression stay in float,
            since eight bits would round coordinates to whole pixels and more.
        num_segments: frames of a clip, where the model leaves it open.
        size: `(height, width)` of a frame, where the model leaves it open.
        calibration: for `"int8"`: clips as the model sees them, an array
            `(clips, frames, height, width, channels)`; some ten to a hundred
            that look like those of later use.
        class_names: names of the classes, packed as `labels.txt`: to `unzip`
            the file is an archive.

    Returns:
        The path.

    Raises:
        ValueError: if an argument does not fit the model, or `calibration` is
            missing or not wanted.
        RuntimeError: if an operator of the model is not built in.

    Example:

    ```python
    export.litert(recognizer, "walk.tflite", num_segments=7)
    runner = Interpreter("walk.tflite").get_signature_runner("serving_default")
    runner(frames=frames)["probabilities"]
    ```
    """
    if quantize not in QUANTIZATIONS:
        raise ValueError(
            f"`quantize` must be one of {QUANTIZATIONS}. Received: {quantize!r}."
        )
    check_class_names(model, class_names)
    model = in_float32(model)
    served = signatures(model)
    inputs = specify(served, batch=1, num_segments=num_segments, size=size, fixed=True)
    calibration = check_calibration(
        calibration, inputs["serving_default"]["frames"], quantize
    )
    with written_whole(path) as temporary, tempfile.TemporaryDirectory() as folder:
        write(model, endpoints(served, inputs), Path(folder, "saved_model"))
        if calibration is not None:
            np.save(Path(folder, "calibration.npy"), calibration)
        _convert(folder, temporary, quantize, list(served))
        if class_names is not None:
            # At the end of the file, where TensorFlow Lite metadata has it.
            with zipfile.ZipFile(temporary, "a") as archive:
                archive.writestr("labels.txt", "\n".join(class_names) + "\n")
    return Path(path)


def _convert(folder, path, quantize, names):
    """Converts in a process of its own: the converter aborts on what it dislikes."""
    script = Path(__file__).with_name("litert_converter.py")
    options = {"quantize": quantize, "signatures": names, "reason": REASON}
    options = json.dumps(options)
    # -P: what lies in the script's folder is no package of that name.
    process = subprocess.run(
        [sys.executable, "-P", str(script), str(folder), str(path), options],
        capture_output=True,
        text=True,
    )
    if process.returncode:
        # TensorFlow logs to stderr as well. An abort leaves no reason but its log.
        _, found, reason = process.stderr.rpartition(REASON)
        lines = process.stderr.strip().splitlines() or ["no reason given"]
        raise RuntimeError(
            f"The conversion to LiteRT failed: {reason.strip() if found else lines[-1]}"
        )
