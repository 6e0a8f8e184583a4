"""Training on several devices or machines, to the numbers of one.

`fit` of Keras 3 divides a batch over the devices of a `tf.distribute` strategy. Four
things would then differ from one device, and `ReplicatedModel` puts them right.
"""

import contextlib
import functools

import keras
import tensorflow as tf

from offkeras.data.order import Stream
from offkeras.models.task import layers_within
from offkeras.training.replicas import machines as cluster


def make_strategy(devices):
    """The devices to train on, to be chosen before TensorFlow does anything.

    Args:
        devices: names such as `"GPU:0,GPU:1"`, or an empty string for all GPUs, or
            the CPU where there are none. `"CPU:0,CPU:1"` makes two devices of the
            CPU, which is no faster, but shows what two devices do.

    Returns:
        A `tf.distribute.Strategy`: over all machines where TF_CONFIG names several,
        else over the devices of this one, and the default one for one device.

    Raises:
        SystemExit: if there is no such device.
    """
    names = [name for name in devices.upper().split(",") if name]
    if cluster.machines()[0]:
        if names:
            raise SystemExit(
                "With TF_CONFIG every machine trains on all its GPUs. "
                f"Received: --devices {devices}."
            )
        return cluster.connect()
    if not names:
        gpus = tf.config.list_logical_devices("GPU")
        if len(gpus) < 2:
            return tf.distribute.get_strategy()
        return tf.distribute.MirroredStrategy()
    if all(name.startswith("CPU:") for name in names):
        _divide_cpu(len(names))
    existing = [
        device.name.removeprefix("/device:")
        for device_type in ("CPU", "GPU")
        for device in tf.config.list_logical_devices(device_type)
    ]
    if not set(names) <= set(existing) or len(set(names)) < len(names):
        raise SystemExit(
            f"Expected --devices to be some of {', '.join(existing)}. "
            f"Received: {devices}."
        )
    return tf.distribute.MirroredStrategy(names)


def _divide_cpu(count):
    """Makes `count` logical devices of the CPU, unless TensorFlow is running."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    with contextlib.suppress(RuntimeError):  # too late: there are those there are
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * count
        )


def may_compile(strategy):
    """What `compile` takes as `jit_compile`.

    XLA takes minutes to compile on a CPU and is slower there; Keras cannot use it
    on several devices.
    """
    one = strategy.num_replicas_in_sync == 1
    return "auto" if one and tf.config.list_logical_devices("GPU") else False


def stream(o, initial_epoch, epochs, strategy):
    """The `Stream` of a run: what is left of it, for this machine.

    Args:
        o: options with `seed` and `batch_size`.
        initial_epoch: epochs that are done.
        epochs: epochs of the run.
        strategy: the strategy of `make_strategy`.
    """
    worker_slice = worker_slice_of(o.batch_size, strategy)
    return Stream(o.seed, initial_epoch, epochs, worker_slice)


def worker_slice_of(batch_size, strategy):
    """What this machine trains on of every batch, and the others do not read.

    Args:
        batch_size: samples of a step, over all devices.
        strategy: the strategy of `make_strategy`.

    Returns:
        `(start, stop)`, see `Stream`; None for one machine. Devices have one
        sample more or less, and fewer samples than devices go to all machines.
    """
    addresses, index = cluster.machines()
    if not addresses:
        return None
    replicas = strategy.num_replicas_in_sync
    if batch_size < replicas:
        return 0, batch_size
    devices = replicas // len(addresses)
    first, end = (
        machine * devices * (batch_size // replicas)
        + min(machine * devices, batch_size % replicas)
        for machine in (index, index + 1)
    )
    return first, end


def forward(model):
    """The model as a function on one device, whatever it was trained on.

    `predict` would divide a batch over the devices of its strategy.

    Args:
        model: a Keras model.

    Returns:
        A function from inputs to outputs.
    """

    @tf.function(autograph=False, reduce_retracing=True)
    def run(inputs):
        return model(inputs, training=False)

    return run


def replicated(model, strategy):
    """The model to compile and fit: a `ReplicatedModel` for several replicas.

    Args:
        model: a functional model made in the scope of the strategy.
        strategy: the strategy of `make_strategy`.

    Returns:
        A model with the layers of the given one, or the given one itself. What is
        saved is the given one.
    """
    if strategy.num_replicas_in_sync == 1:
        return model
    with strategy.scope():
        return ReplicatedModel(model.input, model.output, name=model.name)


class ReplicatedModel(keras.Model):
    """A functional model whose `fit` on several devices is that of one.

    What Keras 3.15 does otherwise, and would have to change for this class to go:

    - Its optimizer clips the gradients of every replica, and `LossScaleOptimizer`
      looks for infinities in those of the first, before they are summed. Here the
      sum is taken first (`train_step`, `compile`).
    - It weights all replicas alike, also where they have unequally many samples,
      as with 5 samples on 2 devices, in the gradient and in the losses of single
      outputs that it logs; and the mean over no sample is not a number. Here
      samples are weighted alike, and a batch of fewer samples than replicas is
      repeated, and counts as that many in the mean of an epoch (`train_step`,
      `_samples_counted`, `fit`).
    - Batch normalization takes the statistics of each replica (`fit`).
    - On several machines it averages a first batch over them to build the metrics,
      and the metrics of a step along their first axis, which they do not have;
      both raise errors (`_maybe_symbolic_build`, `train_step`).

    For the first and the last of these Keras has private names only:
    `_all_reduce_sum_gradients`, `_symbolic_build`, `_compile_loss`.
    """

    def compile(self, optimizer, **kwargs):
        """As in Keras; `train_step` sums the gradients, so the optimizer must not."""
        super().compile(optimizer, **kwargs)
        inner = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        inner._all_reduce_sum_gradients = list

    def train_step(self, data):
        """One step of one replica on its part of a batch."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        replica = tf.distribute.get_replica_context()
        size = tf.cast(tf.shape(keras.tree.flatten(x)[0])[0], tf.float32)
        share = size / replica.all_reduce("SUM", size)
        with tf.GradientTape() as tape:
            outputs = self(x, training=True)
            with self._samples_counted(size):
                loss = self.compute_loss(x, y, outputs, sample_weight, training=True)
            # Keras has divided it by the replicas, as if all had equally many.
            loss *= replica.num_replicas_in_sync
            scaled = self.optimizer.scale_loss(loss * share)
        gradients = tape.gradient(scaled, self.trainable_weights)
        pairs = [
            (gradient, weight)
            for gradient, weight in zip(gradients, self.trainable_weights, strict=True)
            if gradient is not None
        ]
        gradients, weights = zip(*pairs, strict=True)
        gradients = replica.all_reduce("SUM", gradients)
        self.optimizer.apply_gradients(zip(gradients, weights, strict=True))

        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=size)
        results = self.compute_metrics(x, y, outputs, sample_weight)
        if cluster.machines()[0]:
            results = {name: tf.reshape(value, (1,)) for name, value in results.items()}
        return results

    def fit(self, dataset, *, initial_epoch=0, verbose="auto", **kwargs):
        """As in Keras, from a `tf.data.Dataset` of batches.

        On several machines it has the batches of this one, see `worker_slice_of`.
        """
        strategy = self.distribute_strategy
        machines = len(cluster.machines()[0]) or 1
        if machines > 1:
            cluster.agree(strategy, initial_epoch, "number of epochs that are done")
        devices = strategy.num_replicas_in_sync // machines
        size = keras.tree.flatten(dataset.element_spec)[0].shape[0]
        if size is None or size < devices:
            dataset = dataset.map(functools.partial(repeat, count=devices))
        with strategy.scope():
            self._symbolic_build(data_batch=dataset.element_spec)
        if machines > 1:
            pieces = divide(dataset, devices)
            dataset = strategy.distribute_datasets_from_function(lambda context: pieces)
        with self._global_statistics():
            return super().fit(
                dataset,
                initial_epoch=initial_epoch,
                verbose=verbose if cluster.is_chief() else 0,
                **kwargs,
            )

    @contextlib.contextmanager
    def _samples_counted(self, size):
        """Means over samples of the losses of single outputs.

        Keras counts the static size of a part, or 1 where parts are unequal.
        """
        trackers = self._compile_loss.metrics if self._compile_loss else []
        before = [(tracker.total + 0.0, tracker.count + 0.0) for tracker in trackers]
        for tracker in trackers:
            tracker.reset_state()
        yield
        for tracker, (total, count) in zip(trackers, before, strict=True):
            tracker.total.assign(total + tracker.total / tracker.count * size)
            tracker.count.assign(count + size)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Nothing: `fit` has built what there is to build."""

    @contextlib.contextmanager
    def _global_statistics(self):
        """Batch normalization over all replicas, while the model is trained."""
        layers = [
            layer
            for layer in layers_within(self)
            if isinstance(layer, keras.layers.BatchNormalization)
        ]
        try:
            for layer in layers:
                layer.synchronized = True
            yield
        finally:
            for layer in layers:
                layer.synchronized = False


def repeat(*batch, count):
    """A batch of fewer samples than `count`, as often: the same means."""
    size = tf.shape(keras.tree.flatten(batch)[0])[0]
    times = tf.where(size < count, count, 1)
    repeated = keras.tree.map_structure(
        lambda x: tf.tile(x, [times] + [1] * (x.shape.rank - 1)), batch
    )
    return repeated if len(repeated) > 1 else repeated[0]


def divide(dataset, count):
    """Every batch as `count` batches, of one sample more or less."""
    if count == 1:
        return dataset

    def pieces(*batch):
        batch = batch if len(batch) > 1 else batch[0]
        size = tf.shape(keras.tree.flatten(batch)[0], tf.int64)[0]
        return tf.data.Dataset.range(count).map(
            lambda i: keras.tree.map_structure(
                lambda x: x[i * size // count : (i + 1) * size // count], batch
            )
        )

    return dataset.flat_map(pieces)
