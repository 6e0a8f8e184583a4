"""Optical Flow guided Features for video, in Keras."""

import importlib

from offkeras import backbones, layers, metrics, models, weights

__version__ = "0.1.0"
__all__ = [
    "backbones",
    "data",
    "export",
    "inference",
    "layers",
    "metrics",
    "models",
    "weights",
]


def __getattr__(name):
    # These need TensorFlow; the models run on any Keras backend without it.
    if name in ("data", "export", "inference"):
        return importlib.import_module(f"offkeras.{name}")
    raise AttributeError(f"module 'offkeras' has no attribute {name!r}")
