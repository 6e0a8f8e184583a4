"""Refinement of one OFF level: residual blocks without normalisation.

Each function takes the OFF of a level, joined with the refined map of the
level before, and returns the refined map, at the resolution of the next level,
and its pooled features.
"""

import keras
from keras import layers

from offkeras.layers import BottleneckBlock, ResidualBlock

# ResNet-20 has three stages of three blocks; widths are ours: the paper only
# says that the blocks reduce the dimensionality of OFF further.
PAPER_FILTERS = (64, 96, 128)

# filters and kernel size of the stem, inner filters of each bottleneck.
RELEASED_LEVELS = (
    (64, 7, (64, 64, 64)),
    (128, 5, (128, 128)),
    (256, 3, (256,)),
)
RELEASED_BIAS = keras.initializers.Constant(0.2)


def paper(x, level, filters=PAPER_FILTERS):
    """Three residual blocks; three levels of them make a ResNet-20."""
    for block in "abc":
        strides = 2 if block == "a" and level < 3 else 1
        x = ResidualBlock(
            filters[level - 1],
            strides=strides,
            zero_init_residual=True,
            name=f"refine_{level}{block}",
        )(x)
    return x, layers.GlobalAveragePooling2D(name=f"off_{level}_pool")(x)


def released(x, level):
    """A large strided convolution, then bottlenecks, as in the released graph."""
    filters, kernel_size, blocks = RELEASED_LEVELS[level - 1]
    x = layers.ZeroPadding2D(kernel_size // 2, name=f"stem_{level}_pad")(x)
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=2 if level < 3 else 1,
        activation="relu",
        kernel_initializer="he_normal",
        bias_initializer=RELEASED_BIAS,
        name=f"stem_{level}",
    )(x)
    for block, inner in zip("abc", blocks, strict=False):
        name = f"refine_{level}{block}"
        x = BottleneckBlock(
            inner,
            expand_kernel_size=3 if name == "refine_2b" else 1,
            activation="linear" if level == 3 else "relu",
            bias_initializer=RELEASED_BIAS,
            name=name,
        )(x)
    pooled = x
    if level == 1:
        pooled = layers.MaxPooling2D(
            3, strides=2, padding="same", name="off_1_max_pool"
        )(pooled)
    return x, layers.GlobalAveragePooling2D(name=f"off_{level}_pool")(pooled)
