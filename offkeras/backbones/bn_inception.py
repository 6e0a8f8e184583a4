"""BN-Inception, the feature generation network of action recognition."""

from pathlib import Path

import keras
from keras import layers

from offkeras import modalities
from offkeras.weights import pytorch, read_mean

# The outputs that carry an OFF in the released graphs, by resolution.
LEVELS = (
    ("inception_3a", "inception_3b"),
    ("inception_3c", "inception_4a", "inception_4b", "inception_4c", "inception_4d"),
    ("inception_5a", "inception_5b"),
)

# name: 1x1, (3x3 reduce, 3x3), (double reduce, double), pooling, projection.
# No 1x1 and no projection: the module halves the resolution.
MODULES = {
    "inception_3a": (64, (64, 64), (64, 96), "average", 32),
    "inception_3b": (64, (64, 96), (64, 96), "average", 64),
    "inception_3c": (None, (128, 160), (64, 96), "max", None),
    "inception_4a": (224, (64, 96), (96, 128), "average", 128),
    "inception_4b": (192, (96, 128), (96, 128), "average", 128),
    "inception_4c": (160, (128, 160), (128, 160), "average", 128),
    "inception_4d": (96, (128, 192), (160, 192), "average", 128),
    "inception_4e": (None, (128, 192), (192, 256), "max", None),
    "inception_5a": (352, (192, 320), (160, 224), "average", 128),
    "inception_5b": (352, (192, 320), (192, 224), "max", 128),
}


def BNInception(
    *,
    weights=None,
    width=1.0,
    input_shape=(224, 224, 3),
    mean=None,
    num_classes=None,
    name="bn_inception",
):
    """BN-Inception as released with TSN: 69 convolutions, each with its BN.

    Padding and pooling are Caffe's: strided convolutions pad both sides, max
    pooling rounds sizes up, average pooling counts the padding. Sizes that are
    a multiple of 32 agree with Caffe everywhere; other sizes work too.

    Args:
        weights: `None` for random initialisation, the path of a `.weights.h5`
            or `.keras` file of a network of the same shape, or a PyTorch
            checkpoint (`.pth`), see `weights.load_bn_inception`.
        width: multiplier of all channel counts.
        input_shape: `(height, width, channels)`; height and width may be
            `None`. Channels are 3 for RGB, 10 for stacked flow, 15 for stacked
            RGB differences.
        mean: subtracted from the input; a number, or one number per channel.
            Default: that which a file of `training.import_weights --mean` notes, or
            that of the first modality with as many channels.
        num_classes: adds the 1x1-pooled classifier when given.
        name: name of the model.

    Returns:
        A `keras.Model` from images in 0..255 to a dict of the outputs of its
        inception modules by name (`inception_3a` .. `inception_5b`), with
        `logits` beside them when `num_classes` is given.

    Raises:
        ValueError: if `weights` does not exist, `width` is not positive, or
            `mean` does not fit the channels.

    Example:

    >>> features = BNInception()(np.zeros((1, 224, 224, 3)))
    >>> features["inception_5b"].shape
    (1, 7, 7, 1024)
    """
    _check_weights(weights)
    mean = read_mean(weights) if mean is None else mean
    if width <= 0:
        raise ValueError(f"`width` must be positive. Received: {width}.")

    # === Layers ===
    images = keras.Input(input_shape, name="images")
    x = layers.Rescaling(1.0, offset=_offset(mean, input_shape[-1]), name="mean")(
        images
    )
    x = _conv(x, _scale(64, width), 7, "conv1_7x7_s2", strides=2)
    x = _ceil_max_pool(x, "pool1_3x3_s2")
    x = _conv(x, _scale(64, width), 1, "conv2_3x3_reduce")
    x = _conv(x, _scale(192, width), 3, "conv2_3x3")
    x = _ceil_max_pool(x, "pool2_3x3_s2")
    outputs = {}
    for module, channels in MODULES.items():
        x = outputs[module] = _inception(x, module, width, *channels)
    if num_classes is not None:
        x = layers.GlobalAveragePooling2D(name="global_pool")(x)
        outputs["logits"] = layers.Dense(num_classes, dtype="float32", name="logits")(x)

    # === Functional Model ===
    model = keras.Model(images, outputs, name=name)
    if weights is not None:
        _load_weights(model, weights)
    return model


def _check_weights(weights):
    if weights is None:
        return
    if not Path(weights).is_file():
        raise ValueError(
            "`weights` must be None or the path of an existing weights file. "
            f"Received: {weights!r}."
        )


def _load_weights(model, weights):
    if Path(weights).suffix in pytorch.SUFFIXES:
        pytorch.load_bn_inception(model, weights)
    else:
        model.load_weights(weights)


def _offset(mean, channels):
    if mean is None:
        kind = modalities.of_channels(channels)
        mean = kind.mean if kind else 0.0
    if not hasattr(mean, "__len__"):
        return -float(mean)
    if len(mean) != channels:
        raise ValueError(
            f"`mean` must be one number or {channels} numbers, one per channel. "
            f"Received: {mean!r}."
        )
    return [-float(value) for value in mean]


def _scale(channels, width):
    return max(1, round(channels * width))


def _conv(x, filters, kernel_size, name, strides=1):
    """Convolution, batch normalisation, ReLU."""
    padding = "same"
    if strides > 1:
        # "same" would pad the end only; Caffe pads both sides alike.
        x = layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad")(x)
        padding = "valid"
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _ceil_max_pool(x, name):
    """3x3 max pooling with stride 2 whose size is rounded up, as in Caffe.

    On an even size that is "same" padding. On any other, one more row and column
    serve as well: an odd size has no window that would see them.
    """
    if all(size is not None and size % 2 == 0 for size in x.shape[1:3]):
        return layers.MaxPooling2D(3, strides=2, padding="same", name=name)(x)
    # Zeros serve as padding: what is pooled here comes out of a ReLU.
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name=name)(x)


def _inception(x, name, width, one, three, double, pooling, projection):
    strides = 1 if projection else 2
    one, three, double, projection = (
        None if one is None else _scale(one, width),
        [_scale(channels, width) for channels in three],
        [_scale(channels, width) for channels in double],
        None if projection is None else _scale(projection, width),
    )
    branches = []
    if one:
        branches.append(_conv(x, one, 1, f"{name}_1x1"))

    y = _conv(x, three[0], 1, f"{name}_3x3_reduce")
    branches.append(_conv(y, three[1], 3, f"{name}_3x3", strides))

    y = _conv(x, double[0], 1, f"{name}_double_3x3_reduce")
    y = _conv(y, double[1], 3, f"{name}_double_3x3_1")
    branches.append(_conv(y, double[1], 3, f"{name}_double_3x3_2", strides))

    y = _pool(x, pooling, strides, f"{name}_pool")
    if projection:
        y = _conv(y, projection, 1, f"{name}_pool_proj")
    branches.append(y)
    return layers.Concatenate(name=name)(branches)


def _pool(x, pooling, strides, name):
    if pooling == "max":
        return layers.MaxPooling2D(3, strides=strides, padding="same", name=name)(x)
    # Keras's "same" leaves the padding out of the average; Caffe counts it.
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return layers.AveragePooling2D(3, strides=1, name=name)(x)
