"""Models in half precision, back in float32."""

import json
import re

import keras

from offkeras.models.task import layers_within


def in_float32(model):
    """The model with all its layers in float32, for runtimes without bfloat16.

    Args:
        model: a functional model; its weights are float32 under a mixed policy.

    Returns:
        The model itself if nothing has to change, otherwise a copy with the
        same weights.
    """
    if all(layer.dtype_policy.name == "float32" for layer in layers_within(model)):
        return model
    config = json.dumps(keras.saving.serialize_keras_object(model))
    config = re.sub(r'"(mixed_)?b?float16"', '"float32"', config)
    copy = keras.saving.deserialize_keras_object(json.loads(config))
    copy.set_weights(model.get_weights())
    return copy
