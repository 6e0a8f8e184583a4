"""Weights of other frameworks and of other modalities."""

from offkeras.weights.cross_modality import cross_modality_kernel
from offkeras.weights.pytorch import SUFFIXES, load_bn_inception, load_tsn, read_state

__all__ = [
    "SUFFIXES",
    "cross_modality_kernel",
    "load_bn_inception",
    "load_tsn",
    "read_state",
]
