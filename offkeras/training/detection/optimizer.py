"""The optimizer of object detection."""

import keras

from offkeras.training import optimizers


def make_optimizer(steps, o):
    """SGD that drops once, or Adam with a cosine; both after a linear rise."""
    optimizers.check_warm_up(o.warm_up, steps, least=1)
    if o.optimizer == "adam":
        schedule = optimizers.cosine(o.learning_rate, steps, o.warm_up)
    else:
        schedule = WarmUpAndDrop(
            o.learning_rate, o.warm_up, int(steps * o.learning_rate_drop)
        )
    return optimizers.make(o, schedule, o.clip_norm)


@keras.saving.register_keras_serializable("offkeras")
class WarmUpAndDrop(keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise, a constant, and a tenth of it.

    Args:
        learning_rate: the constant.
        warm_up: steps of the rise.
        drop: the first step with a tenth.
    """

    def __init__(self, learning_rate, warm_up, drop):
        self.learning_rate = learning_rate
        self.warm_up = warm_up
        self.drop = drop

    def __call__(self, step):
        """The learning rate of a step."""
        step = keras.ops.cast(step, "float32")
        rising = self.learning_rate * keras.ops.minimum(1.0, step / self.warm_up)
        return keras.ops.where(step < self.drop, rising, 0.1 * rising)

    def get_config(self):
        """The arguments, for saving."""
        return dict(
            learning_rate=self.learning_rate, warm_up=self.warm_up, drop=self.drop
        )
