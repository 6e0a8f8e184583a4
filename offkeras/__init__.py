"""Optical Flow guided Features for video, in Keras."""

import importlib
import os
import pathlib
import sys

# The command speaks for itself. TensorFlow reads this when it is imported: below.
if [pathlib.Path(name).stem for name in sys.argv[:1]] == ["offkeras"]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from offkeras import backbones, layers, metrics, models, weights  # noqa: E402

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
