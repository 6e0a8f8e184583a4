"""A feature pyramid on EfficientNet-Lite: fine maps that see far, for small objects."""

import keras
from keras import layers

from offkeras.backbones.efficientnet_lite import EfficientNetLite
from offkeras.layers import AddUpsampled

STRIDE_4 = "block2b_add"  # the last layer of that resolution


def FeaturePyramid(
    variant=0,
    *,
    weights=None,
    input_shape=(None, None, 3),
    mean=None,
    channels=64,
    name=None,
):
    """EfficientNet-Lite without its last stages, and a step of a feature pyramid.

    ```
    images ─▶ stages 1-2 ─▶ stage 3 ──────────▶ + ─▶ 3x3 ─▶ merged (stride 8)
                 │             └▶ stages 4-5 ─▶ up
                 ▼
              stride_4
    ```

    Lin et al. (2017), of one step. The stages are fixed: what ImageNet taught them
    stays, and training costs their forward pass alone.

    Args:
        variant: see `EfficientNetLite`.
        weights: see `EfficientNetLite`; of the stages alone.
        input_shape: `(height, width, channels)`; height and width may be `None`.
        mean: see `EfficientNetLite`.
        channels: of `merged`.
        name: name of the model. Default: `"efficientnet_lite0_fpn"` and so on.

    Returns:
        A `keras.Model` from images in 0..255 to a dict of maps, `stride_4` and
        `merged`.

    Example:

    >>> features = FeaturePyramid(0)(np.zeros((1, 96, 128, 3)))
    >>> features["merged"].shape
    (1, 12, 16, 64)
    """
    network = EfficientNetLite(
        variant, weights=weights, input_shape=input_shape, mean=mean
    )
    outputs = {
        "stride_4": network.get_layer(STRIDE_4).output,
        **{level: network.output[level] for level in ("stride_8", "stride_16")},
    }
    stages = keras.Model(network.input, outputs, name="stages")
    stages.trainable = False
    images = keras.Input(input_shape, name="images")
    # Their statistics stay as well.
    maps = stages(images, training=False)
    fine, coarse = (
        layers.Conv2D(channels, 1, name=f"lateral_{stride}")(maps[f"stride_{stride}"])
        for stride in (8, 16)
    )
    merged = layers.Conv2D(channels, 3, padding="same", name="smooth")(
        AddUpsampled(name="top_down")(fine, coarse)
    )
    return keras.Model(
        images,
        {"stride_4": maps["stride_4"], "merged": merged},
        name=name or f"efficientnet_lite{variant}_fpn",
    )
