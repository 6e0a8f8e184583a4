"""A recognizer small enough for tests."""

import keras

from offkeras import models

SIZE = 32


def small_recognizer(num_classes=3, *, num_segments=None, channels=3, **options):
    """Three convolutions as the backbone, and logits of some units."""
    keras.utils.set_random_seed(0)
    image = keras.Input((SIZE, SIZE, channels), name="image")
    x, features = keras.layers.Rescaling(1 / 64, name="scale")(image), {}
    for level in (1, 2, 3):
        x = keras.layers.Conv2D(
            8, 3, strides=2, padding="same", activation="relu", name=f"conv_{level}"
        )(x)
        features[f"conv_{level}"] = x
    model = models.OFFActionRecognizer(
        num_classes,
        num_segments=num_segments,
        backbone=keras.Model(image, features, name="backbone"),
        levels=[(name,) for name in features],
        filters=8,
        **options,
    )
    for weight in model.trainable_weights:  # the residual branches begin at zero
        if not weight.numpy().any():
            weight.assign(keras.random.normal(weight.shape, stddev=0.1))
    noise = keras.random.uniform((1, num_segments or 3, SIZE, SIZE, channels), 0, 255)
    for name, logits in model({"frames": noise}, training=False).items():
        layer = model.get_layer(f"{name}_logits")
        layer.kernel.assign(layer.kernel / keras.ops.std(logits))
    return model


def toy_backbone(size=32, channels=3, filters=(4, 6, 8)):
    """A backbone of three convolutions, with maps of strides 8, 16 and 32."""
    images = keras.Input((size, size, channels), name="images")
    x = keras.layers.Rescaling(1 / 127.5, -1.0, name="preprocess")(images)
    maps = {}
    for stride, step, count in zip((8, 16, 32), (8, 2, 2), filters, strict=True):
        x = keras.layers.Conv2D(
            count, 3, strides=step, padding="same", name=f"conv_{stride}"
        )(x)
        maps[f"stride_{stride}"] = x
    return keras.Model(images, maps, name="toy")
