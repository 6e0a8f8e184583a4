"""The losses of a model, added and reported."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("offkeras")
class AddLosses(keras.layers.Layer):
    """Adds the mean of named losses `(batch,)` to a model, and reports each."""

    def build(self, losses_shape):
        self.means = {name: keras.metrics.Mean(name=name) for name in losses_shape}

    def call(self, losses):
        for name, loss in losses.items():
            self.add_loss(ops.mean(loss))
            self.means[name].update_state(loss)
        return losses
