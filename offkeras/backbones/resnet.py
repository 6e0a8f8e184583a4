"""ResNet for detection: stride 16 at the end instead of 32."""

import keras
from keras import layers, ops

# ImageNet mean of B, G, R on the scale 0..255, which the weights expect.
IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)
STAGES = ("conv3", "conv4", "conv5")
FROZEN = ("conv1_", "conv2_")


def ResNet(
    depth=101,
    *,
    weights=None,
    input_shape=(None, None, 3),
    freeze=True,
    name="resnet",
):
    """ResNet as `keras.applications` builds it, with a dilated last stage.

    Dai et al. (2016), section 3: the first block of conv5 keeps its resolution
    and the 3x3 convolutions of conv5 are dilated by 2 instead. The weights are
    those of the network that is not dilated.

    Args:
        depth: 50, 101 or 152.
        weights: `None` for random initialisation, `"imagenet"`, or the path of
            a weights file of the `keras.applications` network without its top.
        input_shape: `(height, width, 3)`; height and width may be `None`.
        freeze: holds conv1, conv2 and every batch normalisation fixed, as
            detectors do that are trained with one or two images a device.
        name: name of the model.

    Returns:
        A `keras.Model` from RGB images in 0..255 to a dict of the outputs of
        the stages: `conv3` with stride 8 and 512 channels, `conv4` with stride
        16 and 1024, `conv5` with stride 16 and 2048.

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
    stock = applications[depth](
        include_top=False, weights=weights, input_shape=input_shape
    )
    dilated = keras.models.clone_model(stock, clone_function=_dilate)
    if weights is not None:
        dilated.set_weights(stock.get_weights())
    outputs = {stage: _last_output(dilated, stage) for stage in STAGES}
    trunk = keras.Model(dilated.input, outputs, name="stages")
    if freeze:
        for layer in trunk.layers:
            normalises = isinstance(layer, layers.BatchNormalization)
            layer.trainable = not (normalises or layer.name.startswith(FROZEN))

    # === Functional Model ===
    images = keras.Input(input_shape, name="images")
    x = ops.flip(images, axis=-1)  # RGB -> BGR
    x = layers.Rescaling(
        1.0, offset=[-mean for mean in IMAGENET_MEAN_BGR], dtype="float32", name="mean"
    )(x)
    return keras.Model(images, trunk(x), name=name)


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
