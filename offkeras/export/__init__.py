"""Trained models for TF Serving and other runtimes."""

from offkeras.export.calibration import calibration_clips
from offkeras.export.compact import compact
from offkeras.export.litert import litert
from offkeras.export.onnx import onnx
from offkeras.export.saved_model import saved_model
from offkeras.export.tensorrt import tensorrt

__all__ = [
    "calibration_clips",
    "compact",
    "litert",
    "onnx",
    "saved_model",
    "tensorrt",
]
