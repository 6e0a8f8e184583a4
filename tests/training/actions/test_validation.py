import keras
import numpy as np
import pytest
import tensorflow as tf

from offkeras.training.actions.train import measures


@pytest.mark.parametrize("outputs", [("appearance",), ("off_1", "off_2")])
def test_validation_says_what_evaluate_says(outputs):
    """Names and numbers of Keras, with a last batch that is smaller."""
    frames = keras.Input((2, 3), name="frames")
    flat = keras.layers.Flatten()(frames)
    model = keras.Model(
        {"frames": frames},
        {name: keras.layers.Dense(4, name=name)(flat) for name in outputs},
    )
    x = np.random.default_rng(0).normal(size=(10, 2, 3)).astype("float32")
    labels = np.arange(10) % 4
    dataset = tf.data.Dataset.from_tensor_slices((x, labels)).batch(4)
    logs = measures(model, outputs, dataset)

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        loss=dict.fromkeys(outputs, loss), metrics=dict.fromkeys(outputs, "accuracy")
    )
    expected = model.evaluate(
        {"frames": x}, dict.fromkeys(outputs, labels), return_dict=True, verbose=0
    )
    assert logs == pytest.approx({f"val_{k}": v for k, v in expected.items()}, abs=1e-5)
