"""TF-TRT: SavedModels whose graph runs in TensorRT engines."""

import subprocess
import sys
import tempfile

import tensorflow as tf

from offkeras.export.assets.calibration import check_calibration
from offkeras.export.assets.examples import example_inputs
from offkeras.export.float32 import in_float32
from offkeras.export.signatures import pick, signatures, specify
from offkeras.export.to_saved_model import endpoints, write
from offkeras.storage.writing import next_version, written_whole

PRECISIONS = {"float32": "FP32", "float16": "FP16", "int8": "INT8"}
# Fewer nodes than this stay with TensorFlow, as TF-TRT has it by default.
MINIMUM_SEGMENT_SIZE = 3
# In a process of its own: without the libraries this call aborts. Private: no public
# name says which libnvinfer was loaded.
LOADED_VERSION = (
    "from tensorflow.compiler.tf2tensorrt import _pywrap_py_utils as utils;"
    "print(utils.get_loaded_tensorrt_version())"
)


def tensorrt(
    model,
    folder,
    *,
    quantize="float32",
    signature="serving_default",
    num_segments=None,
    size=None,
    batch_sizes=(1, 8),
    calibration=None,
):
    """Writes one signature of a model with TensorRT engines inside.

    The result is a SavedModel for TensorFlow and TF Serving on this kind of GPU,
    written as the next version under `folder`.

    Args:
        model: an `OFFActionRecognizer`, a restorer or a detector.
        folder: the model's folder; versions are its subfolders 1, 2, ...
        quantize: `"float32"`, `"float16"` or `"int8"`.
        signature: `"serving_default"`, `"start"` or `"step"`, see `signatures`.
        num_segments: frames of a clip, where the model leaves it open.
        size: `(height, width)` of a frame, where the model leaves it open.
        batch_sizes: the batches that the engines are built for, and all
            between the smallest and the largest.
        calibration: for `"int8"`: clips as the model sees them, an array
            `(clips, frames, height, width, channels)`.

    Returns:
        The path of the new version.

    Raises:
        ValueError: if an argument does not fit.
        RuntimeError: if TF-TRT cannot run here; says what is missing.
    """
    if quantize not in PRECISIONS:
        raise ValueError(
            f"`quantize` must be one of {tuple(PRECISIONS)} for TensorRT. "
            f"Received: {quantize!r}."
        )
    if quantize == "int8" and signature != "serving_default":
        raise ValueError(
            "quantize='int8' is calibrated on whole clips, so `signature` must be "
            f"'serving_default'. Received: {signature!r}."
        )
    if not batch_sizes or min(batch_sizes) < 1:
        raise ValueError(
            f"`batch_sizes` must hold sizes of at least 1. Received: {batch_sizes}."
        )
    model = in_float32(model)
    served = signatures(model)
    pick(served, signature)
    specify(served, batch=1, num_segments=num_segments, size=size, fixed=True)
    inputs = specify(served, num_segments=num_segments, size=size)
    calibration = check_calibration(
        calibration, inputs["serving_default"]["frames"], quantize
    )
    check_available()

    def examples():
        for batch in batch_sizes:
            yield example_inputs(served, inputs, batch=batch)[signature]

    def clips():
        for clip in calibration:
            yield {"frames": clip[None]}

    version = next_version(folder)
    with written_whole(version) as temporary, tempfile.TemporaryDirectory() as plain:
        write(model, endpoints(served, inputs), plain)
        converter = make_converter(plain, signature, quantize)
        converter.convert(calibration_input_fn=clips if quantize == "int8" else None)
        converter.build(examples)
        converter.save(str(temporary))
    return version


def make_converter(saved_model, signature, quantize):
    """TF-TRT's converter with a profile over all batch sizes it will see.

    Args:
        saved_model: path of a SavedModel.
        signature: name of the signature.
        quantize: as in `tensorrt`.

    Returns:
        A `tf.experimental.tensorrt.Converter`.
    """
    return tf.experimental.tensorrt.Converter(
        input_saved_model_dir=str(saved_model),
        input_saved_model_signature_key=signature,
        precision_mode=PRECISIONS[quantize],
        use_dynamic_shape=True,
        dynamic_shape_profile_strategy="Range",
        minimum_segment_size=MINIMUM_SEGMENT_SIZE,
        use_calibration=quantize == "int8",
    )


def missing():
    """What TF-TRT lacks here, a list of strings: empty where it can run."""
    lacks = []
    if not tf.sysconfig.get_build_info().get("is_tensorrt_build"):
        lacks.append("a CUDA build of TensorFlow up to 2.17")
    elif _aborts(LOADED_VERSION):
        lacks.append("libnvinfer 8.6 on the library path")
    if not tf.config.list_physical_devices("GPU"):
        lacks.append("a GPU that TensorFlow sees")
    return lacks


def check_available():
    """Checks that TF-TRT can run.

    Raises:
        RuntimeError: if not; names everything that is missing.
    """
    lacks = missing()
    if lacks:
        raise RuntimeError(
            f"TF-TRT cannot run here: expected {' and '.join(lacks)}. For TensorRT 10 "
            "and later, export to ONNX."
        )


def _aborts(code):
    process = subprocess.run([sys.executable, "-c", code], capture_output=True)
    return process.returncode != 0
