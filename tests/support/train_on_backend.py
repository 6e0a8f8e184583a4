"""Trains small networks with Keras's own `fit`, on one and two devices.

KERAS_BACKEND=jax python tests/train_on_backend.py MODEL losses.npz

On JAX, `keras.distribution.DataParallel` divides the batches over the devices that
XLA_FLAGS makes of the CPU.
"""

import sys
from pathlib import Path

import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from offkeras import models  # noqa: E402
from tests.support.helpers import randomize  # noqa: E402
from tests.support.recognizer import SIZE, small_recognizer  # noqa: E402

STEPS, BATCH = 5, 4


def make(name):
    """A model to compile with its losses, its inputs and its targets."""
    rng = np.random.default_rng(0)
    samples = STEPS * BATCH
    if name == "restoration":
        model = models.OFFArtifactRemover(3, width=4, tail_convs=2)
        frames = rng.uniform(0, 255, (samples, 3, 12, 16, 3)).astype("float32")
        return (
            model,
            {"restored": "mean_squared_error"},
            {"frames": frames},
            {"restored": frames[:, 1]},
        )
    model = small_recognizer(3, num_segments=2, dropout=0.0, spatial_dropout=0.0)
    frames = rng.uniform(0, 255, (samples, 2, SIZE, SIZE, 3)).astype("float32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    names = list(model.output)
    return (
        model,
        dict.fromkeys(names, loss),
        {"frames": frames},
        dict.fromkeys(names, np.arange(samples) % 3),
    )


def losses(name):
    """The loss of every step."""
    model, loss, inputs, targets = make(name)
    randomize(model)
    model.compile(
        keras.optimizers.SGD(1e-4 if name == "restoration" else 1e-3, momentum=0.9),
        loss=loss,
        jit_compile="auto" if keras.backend.backend() == "jax" else False,
    )
    found = []
    for step in range(STEPS):
        batch = slice(step * BATCH, (step + 1) * BATCH)
        x, y = keras.tree.map_structure(lambda array: array[batch], (inputs, targets))  # noqa: B023
        history = model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)
        found.append(history.history["loss"][0])
    return np.array(found)


def main(name, path):
    results = {"one": losses(name)}
    if keras.backend.backend() == "jax":
        devices = keras.distribution.list_devices()
        assert len(devices) == 2
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=devices)
        )
        results["two"] = losses(name)
    np.savez(path, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
