"""Weights of other frameworks and of other modalities."""

from offkeras.weights.cross_modality import cross_modality_kernel
from offkeras.weights.efficientnet_lite import (
    imagenet_file,
    load_efficientnet_lite,
)
from offkeras.weights.mean import read_mean, write_mean
from offkeras.weights.pytorch import (
    SUFFIXES,
    load_bn_inception,
    load_tsn,
    read_arrays,
    read_state,
)

__all__ = [
    "SUFFIXES",
    "cross_modality_kernel",
    "imagenet_file",
    "load_bn_inception",
    "load_efficientnet_lite",
    "load_tsn",
    "read_arrays",
    "read_mean",
    "read_state",
    "write_mean",
]
