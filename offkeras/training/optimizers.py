"""Learning rates and optimizers that the tasks share."""

import keras

schedules = keras.optimizers.schedules


def cosine(learning_rate, steps, warm_up=0):
    """A cosine to 0 at the last step; in the first ones the rate rises from 0."""
    if not warm_up:
        return schedules.CosineDecay(learning_rate, steps)
    return schedules.CosineDecay(
        0.0, steps - warm_up, warmup_target=learning_rate, warmup_steps=warm_up
    )


def check_warm_up(warm_up, steps, least=0):
    """Ends the program unless the rise leaves steps to train in."""
    if not least <= warm_up < steps:
        raise SystemExit(
            f"Expected --warm-up in {least}..{steps - 1}, of {steps} steps. "
            f"Received: {warm_up}."
        )


def make(o, schedule, clip_norm):
    """The optimizer that the options name; biases and normalisations do not decay."""
    common = dict(
        weight_decay=o.weight_decay or None, global_clipnorm=clip_norm or None
    )
    if o.optimizer == "adam":
        optimizer = keras.optimizers.Adam(schedule, **common)
    else:
        optimizer = keras.optimizers.SGD(schedule, momentum=o.momentum, **common)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
