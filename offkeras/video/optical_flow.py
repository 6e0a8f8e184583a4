"""Optical flow as TSN stores it: two gray images, clipped and quantised."""

import numpy as np

METHODS = ("tvl1", "dis")
BOUND = 20.0  # pixels per frame


def estimator(method):
    """A function from two gray frames to the flow between them.

    Args:
        method: `"tvl1"`, the paper's (Zach et al. 2007, `cv2.optflow.DualTVL1` with
            its defaults), or `"dis"`, much faster (Kroeger et al. 2016,
            the medium preset).

    Returns:
        Function of two uint8 arrays `(H, W)` to float32 `(H, W, 2)`: x and y of the
        displacement from the first to the second, in pixels, right and down.

    Raises:
        ValueError: if there is no such method.
    """
    import cv2

    if method == "tvl1":
        algorithm = cv2.optflow.DualTVL1OpticalFlow_create()
    elif method == "dis":
        algorithm = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    else:
        raise ValueError(
            f"Expected an optical flow method in {METHODS}. Received: {method!r}."
        )

    def between(first, second):
        first, second = np.ascontiguousarray(first), np.ascontiguousarray(second)
        return algorithm.calc(first, second, None)

    return between


def quantize(flow):
    """Flow in pixels to the gray values that are stored.

    `round(255 (v + 20) / 40)` of flow clipped to ±20 pixels, as dense_flow does with
    `-b 20`; rest (127.5) becomes 128.

    Args:
        flow: float array of any shape, in pixels per frame.

    Returns:
        uint8 array of the same shape.
    """
    flow = np.clip(flow, -BOUND, BOUND)
    return np.rint(255 * (flow + BOUND) / (2 * BOUND)).astype(np.uint8)
