from .assets.calibration import calibration_clips
from .formats import FORMATS
from .to_keras import compact
from .to_litert import litert
from .to_onnx import onnx
from .to_openvino import openvino
from .to_saved_model import saved_model
from .to_tensorrt import tensorrt

__all__ = [
    "FORMATS",
    "calibration_clips",
    "compact",
    "litert",
    "onnx",
    "openvino",
    "saved_model",
    "tensorrt",
]
