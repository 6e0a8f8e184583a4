"""Exports of the tiny models, each written once, and what they answer."""

import functools

import numpy as np
import pytest

from offkeras import export
from tests.export import tiny_models


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Function from a task, a target and a signature to the path of the export.

    ONNX and OpenVINO have a file a signature, the others all in one.
    """
    folder = tmp_path_factory.mktemp("exported")

    @functools.cache
    def exported(task, target, signature="serving_default"):
        model = tiny_models.model(task)
        names = None if task == "restorer" else tiny_models.CLASS_NAMES
        # A restorer has its number of frames; a recognizer leaves it open.
        segments = dict(num_segments=tiny_models.NUM_SEGMENTS[task])
        if target == "saved_model":
            return export.saved_model(model, folder / task, class_names=names)
        if target == "onnx":
            path = folder / f"{task}.{signature}.onnx"
            return export.onnx(model, path, signature=signature, **segments)
        if target == "openvino":
            pytest.importorskip("openvino")
            path = folder / f"{task}.{signature}.xml"
            return export.openvino(model, path, signature=signature, **segments)
        quantize = target.removeprefix("litert_")
        return export.litert(
            model,
            folder / f"{task}.{quantize}.tflite",
            quantize=quantize,
            size=tiny_models.SIZES[task],
            calibration=tiny_models.clips(task, 8) if quantize == "int8" else None,
            class_names=names,
            **segments,
        )

    return exported


@pytest.fixture(scope="session")
def answer(exported):
    """Function that runs a signature of an export, in the runtime it is made for."""

    @functools.cache
    def runner(task, target, signature):
        if target in ("onnx", "openvino"):
            path = exported(task, target, signature)
            return export.FORMATS[target].run(path, signature)
        name = "savedmodel" if target == "saved_model" else "litert"
        return export.FORMATS[name].run(exported(task, target), signature)

    def answer(task, target, inputs, signature="serving_default"):
        run = runner(task, target, signature)
        outputs = run(**inputs)
        return {name: np.array(value) for name, value in outputs.items()}

    return answer
