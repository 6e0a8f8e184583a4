"""A video in, a result out."""

from offkeras.inference.classify import annotate, classify
from offkeras.inference.motion import draw_motion, motion_maps
from offkeras.inference.plots import draw_confusion_matrix

__all__ = [
    "annotate",
    "classify",
    "draw_confusion_matrix",
    "draw_motion",
    "motion_maps",
]
