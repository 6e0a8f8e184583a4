"""A video in, a result out."""

from offkeras.inference.classify import annotate, classify
from offkeras.inference.detect import annotate_detections, detect
from offkeras.inference.motion import draw_motion, motion_maps
from offkeras.inference.plots import draw_confusion_matrix, draw_restoration
from offkeras.inference.restore import restore, restore_file
from offkeras.inference.serving import GrpcClient, RestClient, ServingError

__all__ = [
    "GrpcClient",
    "RestClient",
    "ServingError",
    "annotate",
    "annotate_detections",
    "classify",
    "detect",
    "draw_confusion_matrix",
    "draw_motion",
    "draw_restoration",
    "motion_maps",
    "restore",
    "restore_file",
]
