"""Iterations, learning rates and the optimizer of action recognition."""

from fractions import Fraction

import keras

from offkeras.training import optimizers

REFERENCE_BATCH = 128


def count_steps(epochs, iterations, *, steps_per_epoch, batch_size):
    """Length of a stage.

    Args:
        epochs: its epochs, where `iterations` is 0.
        iterations: its iterations at a batch of 128.
        steps_per_epoch: batches in an epoch.
        batch_size: clips in a batch.

    Returns:
        `(epochs, steps)`: the whole epochs to train, at least one, and the steps
        that the schedule of the learning rate is laid out for.
    """
    if not iterations:
        return epochs, epochs * steps_per_epoch
    steps = max(1, round(iterations * REFERENCE_BATCH / batch_size))
    return max(1, steps // steps_per_epoch), steps


def multi_step(learning_rate, steps, drops):
    """A tenth of the learning rate after each of the drops.

    Args:
        learning_rate: the first learning rate.
        steps: steps of the stage.
        drops: fractions of them, such as `"1500/3500,3000/3500"`.

    Returns:
        A Keras schedule.

    Raises:
        SystemExit: if a drop is no fraction between 0 and 1.
    """
    try:
        fractions = [Fraction(drop) for drop in drops.split(",")]
    except (ValueError, ZeroDivisionError):
        fractions = [Fraction(-1)]
    if fractions != sorted(fractions) or not all(0 < f < 1 for f in fractions):
        raise SystemExit(
            "Drops of the learning rate must be rising fractions of the stage, such "
            f"as '0.5,0.75' or '1500/3500,3000/3500'. Received: {drops!r}."
        )
    # Keras drops after a boundary, Caffe at it: iterations count from 0.
    boundaries = [int(steps * fraction) - 1 for fraction in fractions]
    rates = [learning_rate * 0.1**n for n in range(len(fractions) + 1)]
    return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, rates)


def cosine_restarts(learning_rate, steps, cycles):
    """Half a cosine from the learning rate to 0, again in every cycle.

    The released code, with iterations counted from 0:
    `0.5 base (1 + cos(pi (iteration mod cycle) / cycle))`, `cycle = ceil(steps /
    cycles)`.

    Args:
        learning_rate: the learning rate at the beginning of a cycle.
        steps: steps of the stage.
        cycles: number of cycles.

    Returns:
        A Keras schedule.
    """
    return keras.optimizers.schedules.CosineDecayRestarts(
        learning_rate, -(-steps // cycles), t_mul=1.0, m_mul=1.0
    )


def make_optimizer(stage, steps, o):
    """SGD with drops (section 5.1) or restarts, or Adam with a cosine.

    The learning rate grows with the global batch.

    Args:
        stage: `"appearance"`, `"off"` or `"end_to_end"`.
        steps: steps of the stage.
        o: `action_presets.Options`.

    Returns:
        A Keras optimizer.
    """
    if stage == "appearance":
        learning_rate, drops = o.appearance_learning_rate, o.appearance_drops
        cycles, clip_norm = 0, o.appearance_clip_norm
    else:
        learning_rate, drops = o.learning_rate, o.off_drops
        cycles, clip_norm = o.off_cycles, o.clip_norm
    learning_rate *= o.batch_size / REFERENCE_BATCH
    if o.optimizer == "adam":
        schedule = optimizers.cosine(learning_rate, steps)
    elif cycles:
        schedule = cosine_restarts(learning_rate, steps, cycles)
    else:
        schedule = multi_step(learning_rate, steps, drops)
    return optimizers.make(o, schedule, clip_norm)
