"""The optimizer of training.object_detection."""

import keras


def make_optimizer(steps, o):
    """SGD that drops once, or Adam with a cosine; both after a linear rise."""
    common = dict(
        weight_decay=o.weight_decay or None, global_clipnorm=o.clip_norm or None
    )
    if not 0 < o.warm_up < steps:
        raise SystemExit(
            f"Expected --warm-up in 1..{steps - 1}, of {steps} steps. "
            f"Received: {o.warm_up}."
        )
    if o.optimizer == "adam":
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0,
            steps - o.warm_up,
            warmup_target=o.learning_rate,
            warmup_steps=o.warm_up,
        )
        optimizer = keras.optimizers.Adam(schedule, **common)
    elif o.optimizer == "sgd":
        schedule = WarmUpAndDrop(
            o.learning_rate, o.warm_up, int(steps * o.learning_rate_drop)
        )
        optimizer = keras.optimizers.SGD(schedule, momentum=o.momentum, **common)
    else:
        raise SystemExit(
            f"--optimizer must be 'sgd' or 'adam'. Received: {o.optimizer!r}."
        )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


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
