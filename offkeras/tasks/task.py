"""What the models of all tasks share: presets, and a `compile` of their own."""

import tempfile

import keras

from offkeras import presets


class Task(keras.Model):
    """Base of the models that know their classes and how they are trained.

    A subclass is registered with Keras and has `class_names`, or None, and
    `preprocessor`: a dict of how the commands show videos to it.
    """

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

    def compile_from_config(self, config):
        # Explicit: Keras leaves a model with a `compile` of its own as it is.
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)
