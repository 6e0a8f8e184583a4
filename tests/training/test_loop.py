"""What trainings share: a loss that is no number ends the run and exports nothing."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from offkeras.training import loop, resume


@pytest.fixture
def trainer():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="dense")])


def run(trainer, folder, targets, epochs=3):
    """Three epochs, of which one has the targets that are given for it."""

    def make_dataset(stream):
        x = np.ones((4, 3), "float32")
        batches = [
            (x, np.full((4, 1), targets[epoch], "float32"))
            for epoch in range(stream.initial_epoch, stream.epochs)
        ]
        return tf.data.Dataset.from_generator(
            lambda: iter(batches),
            output_signature=(
                tf.TensorSpec((4, 3), tf.float32),
                tf.TensorSpec((4, 1), tf.float32),
            ),
        )

    loop.fit(
        trainer,
        make_dataset,
        types.SimpleNamespace(seed=0, batch_size=4),
        tf.distribute.get_strategy(),
        folder=folder,
        compiled=lambda: dict(optimizer="sgd", loss="mse", jit_compile=False),
        epochs=epochs,
        steps_per_epoch=1,
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_no_number_ends_the_run(trainer, tmp_path, bad):
    with pytest.raises(SystemExit, match="loss is (nan|inf) in epoch 2") as error:
        run(trainer, tmp_path, [1.0, bad, 1.0])
    assert str(tmp_path) in str(error.value)
    # The checkpoint is that of the first epoch: the run goes on from there.
    assert resume.Checkpoint(tmp_path / "last.weights.h5").restore(trainer) == 1
    assert all(np.isfinite(weight).all() for weight in trainer.get_weights())
    run(trainer, tmp_path, [1.0, 1.0, 1.0])
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4


def test_a_finished_stage_trains_no_more(trainer, tmp_path):
    run(trainer, tmp_path, [1.0, 1.0, 1.0])
    before = trainer.get_weights()
    run(trainer, tmp_path, None)
    for old, new in zip(before, trainer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
