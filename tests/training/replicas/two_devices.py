"""Trains a small network on one device and on two, and writes both losses.

python tests/training/replicas/two_devices.py losses.npz
"""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

sys.path.insert(0, str(Path(__file__).parents[3]))
from offkeras.training import resume  # noqa: E402
from offkeras.training.replicas import devices as distribution  # noqa: E402
from tests.support.helpers import BFLOAT16  # noqa: E402

STEPS = 20
# batch, size of the last batch, clip_norm, precision
CASES = {
    "even": (4, 4, None, "float32"),
    "unequal parts": (3, 3, None, "float32"),
    "fewer samples than replicas": (1, 1, None, "float32"),
    "partial last batch": (4, 3, None, "float32"),
    "last batch of one": (4, 1, None, "float32"),
    "clipped": (3, 3, 0.05, "float32"),
    "mixed_bfloat16": (4, 4, 0.05, "mixed_bfloat16"),
    "mixed_float16": (3, 3, 0.05, "mixed_float16"),
}


class Losses(keras.callbacks.Callback):
    """Losses and accuracies of every step."""

    def on_train_begin(self, logs=None):
        self.losses = []

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        results = self.model.get_metrics_result()
        self.losses.append([float(results[name]) for name in sorted(results)])


def train(strategy, batch, last, clip_norm, precision):
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(0)
    count = (STEPS - 1) * batch + last
    frames = np.random.default_rng(0).normal(size=(count, 8, 8, 3))
    labels = np.arange(len(frames)) % 3
    dataset = tf.data.Dataset.from_tensor_slices(
        ({"frames": frames.astype("float32")}, {"logits": labels, "last": labels == 2})
    ).batch(batch, drop_remainder=last == batch)
    with strategy.scope():
        inputs = keras.Input((8, 8, 3), name="frames")
        x = layers.Conv2D(8, 3)(inputs)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.GlobalAveragePooling2D()(x)
        logits = layers.Dense(3, dtype="float32", name="logits")(x)
        last = layers.Dense(1, dtype="float32", name="last")(x)
        model = keras.Model({"frames": inputs}, {"logits": logits, "last": last})
        trainer = distribution.replicated(model, strategy)
        trainer.compile(
            keras.optimizers.SGD(0.1, momentum=0.9, global_clipnorm=clip_norm),
            loss={
                "logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                "last": keras.losses.BinaryCrossentropy(from_logits=True),
            },
            metrics={"logits": "accuracy"},
            jit_compile=False,
        )
    callback = Losses()
    trainer.fit(dataset, epochs=1, shuffle=False, callbacks=[callback])
    scale = getattr(trainer.optimizer, "dynamic_scale", None)
    state = [*model.get_weights(), *([] if scale is None else [scale.numpy()])]
    return np.array(callback.losses), np.concatenate([np.ravel(x) for x in state])


def draws(strategy):
    """What dropout and another layer draw on every replica: epoch 3, twice, and 4."""
    keras.config.set_dtype_policy("float32")
    with strategy.scope():
        inputs = keras.Input((100,))
        drawing = layers.Dropout(0.5), layers.GaussianNoise(1.0)
        model = keras.Model(inputs, [layer(inputs) for layer in drawing])
    callback = resume.ReseedDropout(7)
    callback.set_model(model)
    found = []
    for epoch in (3, 3, 4):
        callback.on_epoch_begin(epoch)
        for _ in range(2):
            outputs = strategy.run(lambda: model(tf.ones((1, 100)), training=True))
            outputs = [strategy.experimental_local_results(x) for x in outputs]
            found.append(np.array(outputs))
    found = np.array(found).reshape(3, 2, 2, strategy.num_replicas_in_sync, 100)
    return np.moveaxis(found, 2, 0)


def main(path):
    two = distribution.make_strategy("CPU:0,CPU:1")
    one = tf.distribute.get_strategy()
    results = {}
    for case, options in CASES.items():
        if case == "mixed_bfloat16" and not BFLOAT16:
            continue
        for count, strategy in ((1, one), (2, two)):
            losses, weights = train(strategy, *options)
            results[f"{case}/{count}/losses"] = losses
            results[f"{case}/{count}/weights"] = weights
    for count, strategy in ((1, one), (2, two)):
        results[f"dropout/{count}"], results[f"noise/{count}"] = draws(strategy)
    np.savez(path, **results)


if __name__ == "__main__":
    main(sys.argv[1])
