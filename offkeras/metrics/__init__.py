"""What the tasks are measured by."""

from offkeras.metrics.class_mean_accuracy import (
    ClassMeanAccuracy,
    class_mean,
    confusion_matrix,
    predicted_classes,
)
from offkeras.metrics.detection import (
    ClassPrecision,
    Detections,
    evaluate_detections,
    evaluate_ranges,
    mean_average_precision,
)
from offkeras.metrics.detection_predictions import (
    collect_detections,
    read_predictions,
    write_predictions,
)
from offkeras.metrics.image_quality import PSNR, SSIM, psnr, ssim
from offkeras.metrics.motion import motion_iou, motion_map, track_speed

__all__ = [
    "PSNR",
    "SSIM",
    "ClassMeanAccuracy",
    "ClassPrecision",
    "Detections",
    "class_mean",
    "collect_detections",
    "confusion_matrix",
    "evaluate_detections",
    "evaluate_ranges",
    "mean_average_precision",
    "motion_iou",
    "motion_map",
    "predicted_classes",
    "psnr",
    "read_predictions",
    "ssim",
    "track_speed",
    "write_predictions",
]
