"""Requests that TF Serving answers for itself before it opens a version."""

from pathlib import Path

import tensorflow as tf

from offkeras.inference.serving import predict_request

# Where TF Serving looks.
FILE = "assets.extra/tf_serving_warmup_requests"


def write(examples, folder, *, model):
    """Writes one request a signature beside a SavedModel.

    The first request of a signature pays for the optimisation of its graph;
    with these, no user does.

    Args:
        examples: dict from the name of a signature to its inputs by name.
        folder: path of the SavedModel.
        model: name that the model is served under.
    """
    from tensorflow_serving.apis import prediction_log_pb2

    path = Path(folder) / FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, inputs in examples.items():
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.CopyFrom(
                predict_request(inputs, model=model, signature=name)
            )
            writer.write(log.SerializeToString())
