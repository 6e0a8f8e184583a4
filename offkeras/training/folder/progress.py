"""A line for every epoch."""

import time

import keras


class Lines(keras.callbacks.Callback):
    """Prints loss and held-out accuracy after an epoch, and the time that is left.

    Args:
        epochs: of the training.
    """

    def __init__(self, epochs):
        super().__init__()
        self.epochs, self.first, self.start = epochs, None, None

    def on_epoch_begin(self, epoch, logs=None):
        """Begins to measure after the first epoch, which builds the graph."""
        if self.first is None:
            self.first = epoch
        elif self.start is None:
            self.first, self.start = epoch, time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        """Prints the line."""
        left = ""
        if self.start is not None:
            seconds = (time.monotonic() - self.start) / (epoch + 1 - self.first)
            left = f"  {seconds * (self.epochs - epoch - 1):4.0f} s left"
        print(
            f"epoch {epoch + 1:3}/{self.epochs}  loss {logs['loss']:6.3f}  "
            f"held-out accuracy {logs['val_accuracy']:6.1%}{left}",
            flush=True,
        )
