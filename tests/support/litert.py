"""A Keras model through LiteRT, with nothing but its built-in operations."""

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter


def run_in_litert(model, inputs, folder):
    """Outputs of a model, a dict from a dict, as LiteRT computes them.

    Args:
        model: a functional model from a dict to a dict.
        inputs: dict of NumPy arrays; their sizes are fixed in the conversion.
        folder: where the SavedModel is written.
    """
    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = {
        name: tf.TensorSpec(value.shape, value.dtype, name=name)
        for name, value in inputs.items()
    }
    archive.add_endpoint(
        "serving_default",
        lambda inputs: model(inputs, training=False),
        input_signature=[signature],
    )
    archive.write_out(str(folder), verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = Interpreter(model_content=converter.convert())
    runner = interpreter.get_signature_runner("serving_default")
    return {name: np.asarray(value) for name, value in runner(**inputs).items()}
