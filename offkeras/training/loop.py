"""What the trainings of all tasks share: callbacks, resume, and the call of `fit`."""

import math

import keras
import tensorflow as tf

from offkeras.training import resume
from offkeras.training.replicas import devices


def fit(
    model,
    make_dataset,
    o,
    strategy,
    *,
    folder,
    compiled,
    epochs,
    steps_per_epoch,
    measure=None,
    monitor=None,
    patience=None,
    shown=None,
):
    """Trains a stage from its last checkpoint; keeps log, checkpoint and best epoch.

    Args:
        model: a functional model made in the scope of the strategy.
        make_dataset: function from a `Stream` to the dataset that `fit` takes.
        o: options with `seed` and `batch_size`.
        strategy: the strategy of `devices.make_strategy`.
        folder: where log, TensorBoard and weights go, a `Path`.
        compiled: function to the arguments of `compile`, called in that scope.
        epochs: epochs of the stage.
        steps_per_epoch: batches in an epoch.
        measure: see `Validation`. Default: nothing is held out.
        monitor: name of the measure whose largest value makes the best epoch.
        patience: epochs after the best one to stop after. Default: all epochs run.
        shown: callback that prints, in place of Keras's bar.

    Raises:
        SystemExit: if a loss is no number: nothing is saved of that epoch.
    """
    trainer = devices.replicated(model, strategy)
    checkpoint = resume.Checkpoint(folder / "last.weights.h5")
    with strategy.scope():
        trainer.compile(**compiled())
        done = checkpoint.restore(trainer)
    folder.mkdir(exist_ok=True)  # only now: a failed start is no earlier run
    log = resume.trim_log(folder / "log.csv", done)
    if done == epochs or _is_stale(log, monitor, patience):
        return
    callbacks = [resume.ReseedDropout(o.seed)]
    if measure is not None:
        callbacks.append(Validation(measure, folder / "tensorboard" / "validation"))
    if monitor is not None:
        callbacks.append(_keep_best(folder, monitor, log))
    callbacks += [
        keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False),
        keras.callbacks.CSVLogger(folder / "log.csv", append=True),
        _StopAtNaN(folder),
        checkpoint,
    ]
    if patience is not None:
        callbacks.append(_StopEarly(log, monitor, patience))
    if shown is not None:
        callbacks.append(shown)
    trainer.fit(
        make_dataset(devices.stream(o, done, epochs, strategy)),
        initial_epoch=done,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        shuffle=False,  # the dataset is
        callbacks=callbacks,
        verbose="auto" if shown is None else 0,
    )


class Validation(keras.callbacks.Callback):
    """Adds measures of held-out data to the logs after every epoch.

    Args:
        measure: function to a dict of measures by name. What it gives to `tf.summary`,
            such as pictures, goes to TensorBoard.
        folder: of TensorBoard.
    """

    def __init__(self, measure, folder):
        super().__init__()
        self.measure = measure
        self.writer = tf.summary.create_file_writer(str(folder))

    def on_epoch_end(self, epoch, logs=None):
        """Adds the measures of the model as it is now."""
        with self.writer.as_default(step=epoch):
            logs.update(self.measure())


def _keep_best(folder, monitor, log):
    """Saves the weights of the best epoch so far, those before a resume included."""
    return keras.callbacks.ModelCheckpoint(
        folder / "best.weights.h5",
        monitor=monitor,
        mode="max",
        save_best_only=True,
        save_weights_only=True,
        initial_value_threshold=max((float(row[monitor]) for row in log), default=None),
    )


def _is_stale(log, monitor, patience):
    """Whether the best epoch of a log lies `patience` epochs back."""
    if patience is None or not log:
        return False
    values = [float(row[monitor]) for row in log]
    return len(values) - 1 - values.index(max(values)) >= patience


class _StopEarly(keras.callbacks.Callback):
    """Stops where the log is stale, also that of epochs before a resume."""

    def __init__(self, log, monitor, patience):
        super().__init__()
        self.log, self.monitor, self.patience = [*log], monitor, patience

    def on_epoch_end(self, epoch, logs=None):
        """Adds a row and looks at all of them."""
        self.log.append(dict(logs))
        if _is_stale(self.log, self.monitor, self.patience):
            self.model.stop_training = True


class _StopAtNaN(keras.callbacks.Callback):
    """Ends the program after an epoch whose loss is no number, before it is saved."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch, logs=None):
        """Looks at every loss of the logs."""
        for name, value in (logs or {}).items():
            if name.endswith("loss") and not math.isfinite(value):
                raise SystemExit(
                    f"{self.folder}: {name} is {value} in epoch {epoch + 1}. The run "
                    "ends here and exports nothing; the checkpoint is that of the "
                    "epoch before. Try a smaller --learning-rate."
                )
