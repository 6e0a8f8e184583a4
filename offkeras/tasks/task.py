"""What the models of all tasks share: presets, and a `compile` of their own."""

import tempfile

import keras

from offkeras import inference, presets


class Task(keras.Model):
    """Base of the models that know their classes and how they are trained.

    A subclass is registered with Keras and has

    - `kind`, one of `inference.trained.KINDS`, which is the name of its attribute
      that is the plain functional model as well;
    - `class_names`, or None;
    - `preprocessor`: a dict of how the commands show videos to it.
    """

    kind = None

    def save_to_preset(self, folder):
        """Writes everything that `from_preset` needs into a folder.

        Args:
            folder: a path; `presets.files` describes the files.
        """
        presets.save(
            self,
            folder,
            preprocessor=self.preprocessor,
            class_names=self.class_names,
        )

    def upload_preset(self, address):
        """Uploads a preset, with the rights of whoever is logged in.

        Args:
            address: `hf://owner/name` or `kaggle://owner/model/keras/name`.

        Raises:
            ImportError: if the package of the hub is not installed.
            OSError: if the hub cannot be reached or refuses.
        """
        with tempfile.TemporaryDirectory() as folder:
            self.save_to_preset(folder)
            presets.upload(folder, address)

    @classmethod
    def presets(cls):
        """Names that `from_preset` knows without a network, sorted."""
        return inference.model_names((cls.kind,))

    @classmethod
    def find_preset(cls, preset):
        """What was trained before, by the name that `from_preset` takes.

        Returns:
            An `inference.TrainedModel`.

        Raises:
            ValueError: if there is no such preset, with the names of those there
                are, or it is one of another task.
        """
        try:
            return inference.trained_model(preset, cls.kind)
        except ValueError as error:
            known = ", ".join(cls.presets())
            raise ValueError(f"{error} Names of presets: {known}.") from error

    def compile_from_config(self, config):
        # Explicit: Keras leaves a model with a `compile` of its own as it is.
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def get_config(self):
        plain = keras.saving.serialize_keras_object(getattr(self, self.kind))
        return {self.kind: plain, "name": self.name}

    @classmethod
    def from_config(cls, config):
        plain = keras.saving.deserialize_keras_object(config[cls.kind])
        return cls(**{**config, cls.kind: plain})


def classes_and_names(trained, num_classes, class_names):
    """What `from_preset` gives its class: the names it was trained with, where they
    still hold, or those that are asked for."""
    same = trained.class_names is not None and num_classes in (
        None,
        len(trained.class_names),
    )
    if class_names is None and same:
        class_names = trained.class_names
    return dict(num_classes=num_classes, class_names=class_names)


def count_classes(num_classes, class_names, least):
    """The number of classes, told by one of the two or by both."""
    if class_names is not None:
        if num_classes not in (None, len(class_names)):
            raise ValueError(
                f"Expected num_classes={len(class_names)}, the number of class_names. "
                f"Received: {num_classes}."
            )
        return len(class_names)
    if num_classes is None or num_classes < least:
        raise ValueError(
            f"Expected num_classes of at least {least}, or class_names. "
            f"Received: {num_classes}."
        )
    return num_classes


def may_compile():
    """Whether XLA is worth it: on a CPU, TensorFlow is faster without."""
    if keras.backend.backend() != "tensorflow":
        return "auto"
    return bool(keras.distribution.list_devices("gpu"))
