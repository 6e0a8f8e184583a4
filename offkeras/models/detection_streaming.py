"""Video object detection one frame at a time."""

import keras

from offkeras.models.object_detection import fuse_inputs


def detection_streaming(detector):
    """An `OFFVideoDetector` of two frames, one frame at a time.

    The state holds the reduced features of the frame before, so that a frame
    costs one pass through the backbone. The first frame is its own reference.
    The two models share the layers, and so the weights, of `detector`.

    Args:
        detector: an `OFFVideoDetector` with `num_frames=2`.

    Returns:
        `(start, step)`: a `keras.Model` from the first `{"frame"}`, `(batch,
        height, width, 3)` in 0..255, to a state, which is a dict of tensors,
        and one from `{"frame", **state}` to the detections and the new state.

    Raises:
        ValueError: if `detector` is no `OFFVideoDetector` of two frames.

    Example:

    ```python
    start, step = detection_streaming(detector)
    state = start({"frame": frames[0]})
    for frame in frames:
        outputs = step({"frame": frame, **state})
        state = {key: outputs.pop(key) for key in state}
    ```
    """
    num_frames = detector.inputs[0].shape[1]
    names = [layer.name for layer in detector.layers]
    if num_frames != 2 or "trunk" not in names:
        raise ValueError(
            "detection_streaming expects an OFFVideoDetector of 2 frames. "
            f"Received: {detector.name!r}, which takes {num_frames} frame(s)."
        )
    trunk, head = detector.get_layer("trunk"), detector.get_layer("head")
    extract, reduce, fuse = map(trunk.get_layer, ("extract", "reduce", "fuse"))
    frame = keras.Input(extract.input["frame"].shape[1:], name="frame")
    features = extract({"frame": frame})
    reduced = reduce({level: features[level] for level in reduce.input})
    following = {f"state_{level}": maps for level, maps in reduced.items()}
    start = keras.Model({"frame": frame}, following, name=f"{detector.name}_start")

    state = {
        level: keras.Input(maps.shape[1:], dtype=maps.dtype, name=f"state_{level}")
        for level, maps in reduced.items()
    }
    fused = fuse(fuse_inputs(features, reduced, state))
    # (B, H, W, 3) -> (B, 1, H, W, 3)
    detections = head({"frames": frame[:, None], **fused})
    step = keras.Model(
        {"frame": frame, **{f"state_{level}": maps for level, maps in state.items()}},
        {**detections, **following},
        name=f"{detector.name}_step",
    )
    return start, step
