"""The formats that models are written in: one table."""

import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path

SHAPE = ("num_segments", "size")


@dataclasses.dataclass(frozen=True)
class Format:
    """One entry of the table.

    Attributes:
        write: function of a model, a path and `options` to the path of what was
            written.
        run: function of that path and the name of a signature to a function from
            inputs by name to a dict of outputs; None: the file is loaded by Keras.
        options: names of the arguments of `write`.
        file: name of the file in a folder, from `quantize`, `signature` and `kind`;
            empty: the folder itself, whose versions are its subfolders.
        needs: packages that must be installed beside TensorFlow and Keras.
    """

    write: Callable
    run: Callable | None
    options: tuple
    file: str = ""
    needs: tuple = ()

    def check_installed(self):
        """Raises a `RuntimeError` that says what to install, if there is need to."""
        missing = [name for name in self.needs if not importlib.util.find_spec(name)]
        if missing:
            names = " ".join(name.replace("_", "-") for name in missing)
            raise RuntimeError(f"This format needs {names}: pip install {names}.")

    def path(self, folder, *, quantize="float32", signature="serving_default", kind=""):
        """Where the format is written in a folder."""
        names = dict(quantize=quantize, signature=signature, kind=kind)
        return Path(folder, self.file.format(**names))


def _writer(name):
    def write(model, path, **options):
        from offkeras import export

        return getattr(export, name)(model, path, **options)

    return write


def _run_saved_model(path, signature):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))

    def answer(**inputs):
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        outputs = loaded.signatures[signature](**tensors)
        return {name: value.numpy() for name, value in outputs.items()}

    return answer


def _run_litert(path, signature):
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(str(path)).get_signature_runner(signature)


def _run_onnx(path, signature):  # of which a file holds one
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    names = [output.name for output in session.get_outputs()]
    return lambda **inputs: dict(zip(names, session.run(None, inputs), strict=True))


def _run_openvino(path, signature):  # of which a file holds one
    from offkeras.export.to_openvino import runner

    return runner(path)


FORMATS = {
    "savedmodel": Format(
        write=_writer("saved_model"),
        run=_run_saved_model,
        options=(*SHAPE, "class_names"),
    ),
    "litert": Format(
        write=_writer("litert"),
        run=_run_litert,
        options=(*SHAPE, "class_names", "quantize", "calibration"),
        file="{quantize}.tflite",
        needs=("ai_edge_litert",),
    ),
    "tensorrt": Format(
        write=_writer("tensorrt"),
        run=_run_saved_model,
        options=(*SHAPE, "quantize", "calibration", "signature"),
    ),
    "onnx": Format(
        write=_writer("onnx"),
        run=_run_onnx,
        options=(*SHAPE, "signature"),
        file="{signature}.onnx",
        needs=("onnx", "onnxruntime", "tf2onnx"),
    ),
    "openvino": Format(
        write=_writer("openvino"),
        run=_run_openvino,
        options=(*SHAPE, "signature"),
        file="{signature}.xml",
        needs=("openvino",),
    ),
    "keras": Format(
        write=_writer("compact"), run=None, options=(), file="{kind}.keras"
    ),
}
