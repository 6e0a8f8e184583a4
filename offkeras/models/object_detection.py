"""Video object detection: R-FCN with and without OFF (section 6).

reference frame            key frame
   │ extract                  │ extract          (shared)
fine, features             fine, features ───┐
   │ reduce                   │ reduce       │
   └──────────┬───────────────┘              │
             OFF (fine) ─▶ SE blocks ─┐      │
             OFF (features) ──────────┴──────┤ fuse: SE blocks
                                             ▼
                                         features ──▶ head ──▶ detections
"""

import math

import keras
from keras import layers, ops

from offkeras.backbones import ResNet
from offkeras.layers import Gradients, SEBottleneckBlock
from offkeras.models.detection_head import detection_head

# The paper: "several residual blocks with SE".
BLOCKS = "ab"
FRAMES = ("reference", "key")


def RFCN(
    num_classes,
    *,
    backbone=None,
    channels=1024,
    dilation=6,
    name="rfcn",
    **head_options,
):
    """R-FCN on single frames: the baseline of section 6.

    Args:
        num_classes: number of classes without the background.
        backbone: a model from images to a dict of features, of which the last
            entry is detected on. Default: `backbones.ResNet(101)`.
        channels: channels of the convolution after the backbone, half of them
            for the proposals.
        dilation: dilation of that convolution. The paper states none; 6 is
            that of FGFA, whose settings it follows.
        name: name of the model.
        **head_options: `anchor_scales`, `num_candidates`, `num_proposals`,
            `max_detections` and `pooling` of `detection_head`.

    Returns:
        A `keras.Model` from `{"frames": (batch, 1, height, width, 3)}`, RGB in
        0..255, to the dict of `layers.Detections`.

    Example:

    >>> detections = RFCN(num_classes=30)({"frames": np.zeros((1, 1, 600, 1000, 3))})
    >>> detections["boxes"].shape
    (1, 300, 4)
    """
    backbone = backbone or ResNet()
    extract = _extract(backbone, channels, dilation)
    frames = _frames(1, backbone)
    features = extract({"frame": frames[:, 0]})["features"]
    trunk = keras.Model({"frames": frames}, {"features": features}, name="trunk")
    return _detector(trunk, backbone, num_classes, head_options, name)


def OFFVideoDetector(
    num_classes,
    *,
    scales="multi",
    num_frames=2,
    backbone=None,
    channels=1024,
    dilation=6,
    filters=128,
    operator="prewitt",
    fusion="concat",
    train_references=False,
    name="off_video_detector",
    **head_options,
):
    """R-FCN whose features are fused with OFF (figure 5).

    The last frame is the key frame, whose objects are detected; those before
    it are references. OFF is made of the spatial gradients of the key frame
    and of the key minus the reference. Several references give several fused
    maps, whose mean is detected on.

    What the paper leaves open is read as follows. The 512-d features are those
    of conv3, the only stage of ResNet-101 with 512 channels; their OFF is
    brought to the resolution of the 1024-d features by its blocks. The 1024-d
    features are those after the 3x3 convolution. They are concatenated with
    their OFF and the refined OFF of the finer level, and two bottlenecks with
    SE, without normalisation, blend them into 1024 channels. Blocks have the
    width of the features that they refine.

    Args:
        num_classes: number of classes without the background.
        scales: `"single"` takes OFF of the last features only, `"multi"` of
            the first entry of the backbone's dict as well.
        num_frames: number of frames, two or more.
        backbone: a model from images to a dict of features, fine to coarse.
            Default: `backbones.ResNet(101)`.
        channels: see `RFCN`.
        dilation: see `RFCN`.
        filters: channels of the reduced features.
        operator: spatial operator, see `layers.SpatialGradient`.
        fusion: `"concat"` detects on what the blocks return, as the figure has
            it; `"add"` adds that to the features of the key frame, through a
            convolution that starts at zero, so that training starts from the
            detections of the `RFCN` with these weights.
        train_references: whether gradients reach the backbone through the
            references as well, which takes as much memory again for each.
        name: name of the model.
        **head_options: see `RFCN`.

    Returns:
        A `keras.Model` from `{"frames": (batch, num_frames, height, width,
        3)}`, RGB in 0..255, to the dict of `layers.Detections` of the last
        frame.

    Raises:
        ValueError: if an argument is outside the values above.

    Example:

    >>> model = OFFVideoDetector(num_classes=30)
    >>> model({"frames": np.zeros((1, 2, 600, 1000, 3))})["boxes"].shape
    (1, 300, 4)
    """
    for argument, value, allowed in (
        ("scales", scales, ("single", "multi")),
        ("fusion", fusion, ("concat", "add")),
    ):
        if value not in allowed:
            raise ValueError(
                f"`{argument}` must be one of {allowed}. Received: {value!r}."
            )
    if num_frames < 2:
        raise ValueError(
            "`num_frames` must be at least 2: a key frame after its references. "
            f"Received: {num_frames}."
        )
    backbone = backbone or ResNet()
    levels = ("fine", "features") if scales == "multi" else ("features",)

    # === Extract, reduce, fuse ===
    extract = _extract(backbone, channels, dilation)
    reduce = _reduce(extract, levels, filters)
    fuse = _fuse(extract, levels, filters, operator, fusion, backbone)

    # === Functional Model ===
    frames = _frames(num_frames, backbone)
    features = extract({"frame": frames[:, -1]})
    key = reduce(_pick(features, levels))
    fused = []
    for index in range(num_frames - 1):
        of_reference = _pick(extract({"frame": frames[:, index]}), levels)
        if not train_references:
            # Before the reduction: of the difference it must see both sides.
            of_reference = {
                level: ops.stop_gradient(maps) for level, maps in of_reference.items()
            }
        fused.append(fuse(fuse_inputs(features, key, reduce(of_reference))))
    fused = [outputs["features"] for outputs in fused]
    if len(fused) > 1:
        fused = [layers.Average(name="mean_of_references")(fused)]
    trunk = keras.Model({"frames": frames}, {"features": fused[0]}, name="trunk")
    return _detector(trunk, backbone, num_classes, head_options, name)


def fuse_inputs(features, key, reference):
    """Inputs of the model `fuse` from the outputs of `extract` and `reduce`."""
    return {
        "features": features["features"],
        **{f"key_{level}": maps for level, maps in key.items()},
        **{f"reference_{level}": maps for level, maps in reference.items()},
    }


def feature_strides(backbone):
    """Pixels a cell of each of the backbone's features, by name."""
    height, width = (size or 512 for size in backbone.input_shape[1:3])
    image = keras.KerasTensor((1, height, width, 3), dtype="float32")
    return {
        # Sizes are rounded up, strides are powers of two.
        name: 2 ** round(math.log2(height / maps.shape[1]))
        for name, maps in backbone.compute_output_spec(image).items()
    }


def _frames(num_frames, backbone):
    return keras.Input((num_frames, *backbone.input_shape[1:]), name="frames")


def _extract(backbone, channels, dilation):
    """Frame in 0..255 -> the backbone's first features and the detector's own."""
    frame = keras.Input(backbone.input_shape[1:], name="frame")
    fine, *_, last = backbone(frame).values()
    features = layers.Conv2D(
        channels,
        3,
        padding="same",
        dilation_rate=dilation,
        activation="relu",
        # At 2048 inputs a standard deviation of 0.01, as in FGFA.
        kernel_initializer="he_normal",
        name="feature_conv",
    )(last)
    return keras.Model(
        {"frame": frame}, {"fine": fine, "features": features}, name="extract"
    )


def _pick(maps, levels):
    return {level: maps[level] for level in levels}


def _reduce(extract, levels, filters):
    """The 1x1 convolution of each OFF, shared by all frames."""
    inputs = {
        level: keras.Input((None, None, extract.output[level].shape[-1]), name=level)
        for level in levels
    }
    outputs = {
        level: layers.Conv2D(
            filters,
            1,
            activation="relu",
            kernel_initializer="he_normal",
            name=f"reduce_{level}",
        )(maps)
        for level, maps in inputs.items()
    }
    return keras.Model(inputs, outputs, name="reduce")


def _fuse(extract, levels, filters, operator, fusion, backbone):
    """Key features, reduced features of both frames -> fused features."""
    channels = {level: extract.output[level].shape[-1] for level in levels}
    features = keras.Input((None, None, channels["features"]), name="features")
    inputs = {"features": features}
    for level in levels:
        for frame in FRAMES:
            name = f"{frame}_{level}"
            inputs[name] = keras.Input((None, None, filters), name=name)

    maps = [features, _off(inputs, "features", operator)]
    if "fine" in levels:
        fine_stride, *_, stride = feature_strides(backbone).values()
        maps.append(
            _blocks(
                _off(inputs, "fine", operator),
                channels["fine"],
                "fine",
                strides=stride // fine_stride,
            )
        )
    # (B, H, W, channels), (B, H, W, 3*filters)[, (B, H, W, fine channels)]
    x = layers.Concatenate(name="mixture")(maps)
    x = _blocks(x, channels["features"], "features")
    if fusion == "add":
        x = layers.Conv2D(
            channels["features"], 1, kernel_initializer="zeros", name="add_conv"
        )(x)
        x = layers.Add(name="add_back")([features, x])
    return keras.Model(inputs, {"features": x}, name="fuse")


def _off(inputs, level, operator):
    """Fx and Fy of the key frame, Ft = key - reference."""
    # 2 times (B, H, W, filters) -> (B, 2, H, W, filters)
    pair = ops.stack([inputs[f"{frame}_{level}"] for frame in FRAMES], axis=1)
    return Gradients(operator=operator, target=1, name=f"off_{level}")(pair)


def _blocks(x, channels, level, strides=1):
    for block in BLOCKS:
        x = SEBottleneckBlock(
            channels // 4,
            strides=strides if block == "a" else 1,
            zero_init_residual=True,
            name=f"refine_{level}_{block}",
        )(x)
    return x


def _detector(trunk, backbone, num_classes, head_options, name):
    """Frames -> trunk -> features -> head -> detections."""
    *_, stride = feature_strides(backbone).values()
    frames, features = trunk.input["frames"], trunk.output["features"]
    head = detection_head(num_classes, features.shape[-1], stride, **head_options)
    inputs = keras.Input(frames.shape[1:], name="frames")
    detections = head({"frames": inputs, **trunk({"frames": inputs})})
    return keras.Model({"frames": inputs}, detections, name=name)
