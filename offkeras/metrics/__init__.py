"""What the tasks are measured by."""

from offkeras.metrics.class_mean_accuracy import (
    ClassMeanAccuracy,
    class_mean,
    confusion_matrix,
)
from offkeras.metrics.image_quality import PSNR, SSIM, psnr, ssim

__all__ = [
    "PSNR",
    "SSIM",
    "ClassMeanAccuracy",
    "class_mean",
    "confusion_matrix",
    "psnr",
    "ssim",
]
