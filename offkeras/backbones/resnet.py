"""ResNet as keras.applications has it, and dilated for detection."""

import keras
import numpy as np
from keras import layers, ops

from offkeras.weights.cross_modality import cross_modality_kernel

# ImageNet mean of B, G, R on the scale 0..255, which the weights expect.
IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)
STAGES = ("conv3", "conv4", "conv5")
FROZEN = ("conv1_", "conv2_")
# Without dilation the stages have strides 8, 16 and 32.
LEVELS = tuple((stage,) for stage in STAGES)


def ResNet(
    depth=101,
    *,
    weights=None,
    input_shape=(None, None, 3),
    dilated=True,
    freeze=True,
    mean=None,
    name="resnet",
):
    """ResNet as `keras.applications` builds it, with a dilated last stage or without.

    Dai et al. (2016), section 3: the first block of conv5 keeps its resolution
    and the 3x3 convolutions of conv5 are dilated by 2 instead. The weights are
    those of the network that is not dilated.

    Args:
        depth: 50, 101 or 152.
        weights: `None` for random initialisation, `"imagenet"`, or the path of
            a weights file of the `keras.applications` network without its top.
        input_shape: `(height, width, channels)`; height and width may be `None`.
            Channels other than 3 start from the mean of RGB, as TSN has them.
        dilated: whether conv5 has stride 16 instead of 32, as detectors have it.
        freeze: holds conv1, conv2 and every batch normalisation fixed, as
            detectors do that are trained with one or two images per device.
        mean: subtracted from the images; a number, or one per channel. Default:
            ImageNet's, for 3 channels.
        name: name of the model.

    Returns:
        A `keras.Model` from RGB images in 0..255 to a dict of the outputs of
        the stages: `conv3` with stride 8 and 512 channels, `conv4` with stride
        16 and 1024, `conv5` with stride 16 (32 if not dilated) and 2048.

    Raises:
        ValueError: if the depth is none of these.

    Example:

    >>> features = ResNet(101)(np.zeros((1, 600, 1000, 3)))
    >>> features["conv3"].shape, features["conv5"].shape
    ((1, 75, 125, 512), (1, 38, 63, 2048))
    """
    applications = {
        50: keras.applications.ResNet50,
        101: keras.applications.ResNet101,
        152: keras.applications.ResNet152,
    }
    if depth not in applications:
        raise ValueError(
            f"`depth` must be one of {sorted(applications)}. Received: {depth!r}."
        )
    *size, channels = input_shape
    colours = channels == len(IMAGENET_MEAN_BGR)
    stock = applications[depth](
        include_top=False, weights=weights, input_shape=(*size, 3)
    )
    network = keras.models.clone_model(
        stock,
        None if colours else keras.Input(input_shape),
        clone_function=_dilate if dilated else _copy,
    )
    if weights is not None:
        first, *rest = stock.get_weights()
        first = first if colours else cross_modality_kernel(first, channels)
        network.set_weights([first, *rest])
    outputs = {stage: _last_output(network, stage) for stage in STAGES}
    trunk = keras.Model(network.input, outputs, name="stages")
    if freeze:
        for layer in trunk.layers:
            normalises = isinstance(layer, layers.BatchNormalization)
            layer.trainable = not (normalises or layer.name.startswith(FROZEN))

    # === Functional Model ===
    images = keras.Input(input_shape, name="images")
    x = ops.flip(images, axis=-1) if colours else images  # RGB -> BGR
    if mean is None:
        mean = IMAGENET_MEAN_BGR if colours else 0.0
    elif colours:
        mean = tuple(np.broadcast_to(mean, 3)[::-1].tolist())
    offset = (-np.asarray(mean)).tolist()
    x = layers.Rescaling(1.0, offset=offset, dtype="float32", name="mean")(x)
    return keras.Model(images, trunk(x), name=name)


def _copy(layer):
    return type(layer).from_config(layer.get_config())


def _dilate(layer):
    config = layer.get_config()
    if layer.name.startswith("conv5_block1_") and "strides" in config:
        config["strides"] = (1, 1)
    if layer.name.startswith("conv5_") and layer.name.endswith("_2_conv"):
        config["dilation_rate"] = (2, 2)
    return type(layer).from_config(config)


def _last_output(model, stage):
    names = [layer.name for layer in model.layers]
    *_, last = (name for name in names if name.startswith(stage) and "_out" in name)
    return model.get_layer(last).output
