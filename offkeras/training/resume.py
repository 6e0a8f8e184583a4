"""Exact resume: a killed run goes on to the bits of an undisturbed one.

Data order, crops and segments are functions of (seed, epoch, index), dropout is
reseeded by (seed, epoch, device), and weights and optimizer are saved together, so
the end of an epoch is all the state there is. An epoch cut short is run again.
"""

import csv
from pathlib import Path

import h5py
import keras
import tensorflow as tf

from offkeras.storage.writing import written_whole
from offkeras.training import options
from offkeras.training.replicas import remote_output as mirror
from offkeras.training.tables import write_table

EPOCHS_DONE = "epochs_done"
# Primes: how far apart the seeds of two runs, and of two devices, begin.
SEEDS_OF_A_RUN, SEEDS_OF_A_DEVICE = 10007, 1000003


class ReseedDropout(keras.callbacks.Callback):
    """Makes the dropout of an epoch a function of (seed, epoch, device) alone.

    Devices have dropout of their own: Keras gives all of them the same masks. Other
    generators stay the same on all, such as that of the anchors to train on.

    Args:
        seed: seed of the run.
    """

    def __init__(self, seed):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):
        """Sets the state of every seed generator of the model."""
        states = [
            variable
            for variable in self.model.variables
            if variable.path.endswith("seed_generator_state")
        ]
        if not states:
            return
        dropout = {
            id(layer.seed_generator.state)
            # Private: `Model.layers` has no layers that lie within a layer.
            for layer in self.model._flatten_layers()
            if isinstance(layer, keras.layers.Dropout) and layer.rate
        }

        def reseed():
            device = tf.distribute.get_replica_context().replica_id_in_sync_group
            for index, state in enumerate(states):
                seed = self.seed * SEEDS_OF_A_RUN + index
                if id(state) in dropout:
                    seed += SEEDS_OF_A_DEVICE * tf.cast(device, tf.int64)
                # A generator counts its calls in the second number.
                state.assign([seed % 2**32, epoch << 20])

        self.model.distribute_strategy.run(reseed)


class Checkpoint(keras.callbacks.Callback):
    """Saves weights, optimizer and the number of epochs at the end of each.

    The file is written beside its name and renamed, so that a kill at any
    moment leaves the last whole checkpoint.

    Args:
        path: file name, ending in `.weights.h5`.
    """

    def __init__(self, path):
        super().__init__()
        self.path = Path(path)

    def on_epoch_end(self, epoch, logs=None):
        """Saves the model and its optimizer."""
        with written_whole(self.path) as temporary:
            self.model.save_weights(temporary, overwrite=True)
            with h5py.File(temporary, "a") as file:
                # Not the steps of the optimizer: float16 skips some.
                file.attrs[EPOCHS_DONE] = epoch + 1
        mirror.upload(last=self.path)

    @options.bad_input()
    def restore(self, model):
        """Loads the checkpoint, if there is one.

        Args:
            model: the compiled model.

        Returns:
            The number of epochs that are done: 0 without a checkpoint.

        Raises:
            SystemExit: if the checkpoint is of another model.
        """
        if not self.path.exists():
            return 0
        model.optimizer.build(model.trainable_variables)
        load_weights(model, self.path)
        with h5py.File(self.path) as file:
            return int(file.attrs[EPOCHS_DONE])


def load_weights(model, path):
    """Loads weights, with one sentence for a file of another model.

    Args:
        model: the model.
        path: a `.weights.h5` file.

    Raises:
        ValueError: if the file does not fit the model.
    """
    try:
        model.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"{path} does not hold the weights of this model: expected those of "
            f"{model.name!r} with {model.count_params():,} parameters. "
            f"Received: {reason}"
        ) from error


def trim_log(path, epochs):
    """Drops the rows of epochs that will run again.

    Args:
        path: the CSV log.
        epochs: number of epochs that are done.

    Returns:
        The remaining rows as dicts.
    """
    path = Path(path)
    if not path.exists():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    # A kill may have cut the last row short.
    whole = [row for row in rows if None not in row.values()]
    rows = [row for row in whole if int(row["epoch"]) < epochs]
    if not rows:
        path.unlink()  # the logger writes the header of a new file only
        return []
    write_table(path, rows)
    return rows
