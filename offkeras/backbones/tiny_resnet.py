"""A residual network small enough to train a detector on a CPU."""

import keras
from keras import layers

from offkeras.layers import ResidualBlock


def TinyResNet(
    *,
    stride=8,
    filters=(16, 32, 64),
    input_shape=(None, None, 3),
    name="tiny_resnet",
):
    """Small residual network without normalisation.

    A strided 5x5 convolution, then two stages of two residual blocks.

    Args:
        stride: pixels a cell of the last stage, 8 or 16.
        filters: channels of the convolution and of the two stages.
        input_shape: `(height, width, 3)`; height and width may be `None`.
        name: name of the model.

    Returns:
        A `keras.Model` from RGB images in 0..255 to a dict of features:
        `stage1` with half of `stride` and `stage2` with `stride`.

    Raises:
        ValueError: if the stride is neither 8 nor 16.

    Example:

    >>> TinyResNet()(np.zeros((1, 96, 128, 3)))["stage2"].shape
    (1, 12, 16, 64)
    """
    if stride not in (8, 16):
        raise ValueError(f"`stride` must be 8 or 16. Received: {stride!r}.")
    stem, *stages = filters
    images = keras.Input(input_shape, name="images")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(images)
    x = layers.Conv2D(
        stem,
        5,
        strides=2,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
        name="stem",
    )(x)
    if stride == 16:
        x = layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)
    outputs = {}
    for stage, channels in enumerate(stages, start=1):
        for block, strides in (("a", 2), ("b", 1)):
            x = ResidualBlock(
                channels,
                strides=strides,
                zero_init_residual=True,
                name=f"stage{stage}{block}",
            )(x)
        outputs[f"stage{stage}"] = x
    return keras.Model(images, outputs, name=name)
