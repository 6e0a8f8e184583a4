"""The first convolution of one modality from that of another."""

import numpy as np


def cross_modality_kernel(kernel, channels):
    """RGB kernels for stacked flow or stacked differences (Wang et al. 2016).

    The kernel is averaged over R, G and B, and the average repeated: the network
    that follows sees edges of flow where it saw edges of grey images.

    Args:
        kernel: array `(height, width, 3, filters)`.
        channels: channels of the new modality, 10 for flow, 15 for RGB-diff.

    Returns:
        Array `(height, width, channels, filters)`.

    Raises:
        ValueError: if the kernel does not take 3 channels.

    Example:

    >>> kernel = np.random.normal(size=(7, 7, 3, 64))
    >>> cross_modality_kernel(kernel, 10).shape
    (7, 7, 10, 64)
    """
    if kernel.ndim != 4 or kernel.shape[2] != 3:
        raise ValueError(
            "`kernel` must be of shape (height, width, 3, filters). "
            f"Received: {kernel.shape}."
        )
    return np.repeat(kernel.mean(axis=2, keepdims=True), channels, axis=2)
