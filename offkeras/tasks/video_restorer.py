"""A video restorer: a network against compression artifacts with its training."""

import os

import keras
import numpy as np

from offkeras import inference, metrics, models
from offkeras.models import task
from offkeras.tasks.task import Task, may_compile

LEARNING_RATE = 5e-4  # section 7.3; more throws an untrained OFF off
RESTORED = "restored"  # the output


@keras.saving.register_keras_serializable("offkeras")
class VideoRestorer(Task):
    """Removes compression artifacts: an `OFFArtifactRemover` and its training.

    It is compiled: `fit` takes `(frames, target)` as they are.

    Args:
        num_frames: frames that it sees, 1 to 3, see `models.OFFArtifactRemover`.
        width: channels of the hidden convolutions.
        tail_convs: convolutions after OFF.
        model: in place of all of the above: an `OFFArtifactRemover` or a `DnCNN`,
            trained or not.
        quantisers: for `offkeras restore`, where the restorer gains: a dict from a
            codec to `[least, most]`. Default: unknown, so every frame is restored.
        name: name of the model.

    Input shape:
        `(batch, num_frames, height, width, 3)` in 0..255, or a dict with it as
        `"frames"`.

    Output shape:
        Dict with `restored`, float32 `(batch, height, width, 3)` in 0..255, not
        clipped: the last of two frames, the middle one of three.

    Raises:
        ValueError: if an argument is outside the values above.

    Example:

    ```python
    clips = data.Septuplets.open("my_clips", degraded=["jpeg2000_q40"], split="train")
    restorer = VideoRestorer(width=16, tail_convs=3)
    restorer.fit(clips.train(data.Stream(epochs=None), batch_size=8, crop=48), epochs=9)
    frames = restorer.predict("old.mp4")
    ```
    """

    kind = "model"
    class_names = None

    def __init__(
        self,
        num_frames=3,
        *,
        width=64,
        tail_convs=18,
        model=None,
        quantisers=None,
        name="video_restorer",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        if model is None:
            model = models.OFFArtifactRemover(
                num_frames, width=width, tail_convs=tail_convs
            )
        if task.task_of(model) != task.RESTORATION:
            raise ValueError(
                "Expected model to be an OFFArtifactRemover or a DnCNN. "
                f"Received: {model.name!r}."
            )
        self.model = model
        self.preprocessor = {} if quantisers is None else {"quantisers": quantisers}
        self.built = True
        self.compile()

    def call(self, inputs, training=None):
        if not isinstance(inputs, dict):
            inputs = {"frames": inputs}
        return self.model(inputs, training=training)

    def compile(self, optimizer="auto", loss="mean_squared_error", **kwargs):
        """As `keras.Model.compile`, with defaults.

        Args:
            optimizer: default: Adam, 5e-4.
            loss: of the restored frame.
            **kwargs: further arguments of `keras.Model.compile`. The default of
                `metrics` is the PSNR in dB.
        """
        if optimizer == "auto":
            optimizer = keras.optimizers.Adam(LEARNING_RATE)
        kwargs.setdefault("metrics", [metrics.PSNR()])
        kwargs.setdefault("jit_compile", may_compile())
        super().compile(optimizer, loss, **kwargs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **kwargs):
        """That of the restored frame."""
        target, restored = _restored(y), _restored(y_pred)
        return super().compute_loss(x, target, restored, sample_weight, **kwargs)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Those of the restored frame."""
        target, restored = _restored(y), _restored(y_pred)
        return super().compute_metrics(x, target, restored, sample_weight)

    def predict(self, x, **kwargs):
        """Restored frames.

        Args:
            x: the path of a video or of a folder of images; or frames or a dataset,
                as of `keras.Model.predict`. `inference.restore_file` and its like
                take `restorer.model` and keep no whole video in memory.
            **kwargs: further arguments of `keras.Model.predict`; for a path those of
                `inference.restore`.

        Returns:
            uint8 `(frames, height, width, 3)`.
        """
        if isinstance(x, (str, os.PathLike)):
            frames = inference.restore(x, self.model, **kwargs)
            return np.stack([frame for _, frame in frames])
        restored = super().predict(x, **kwargs)[RESTORED]
        return np.clip(np.round(restored), 0, 255).astype(np.uint8)

    @classmethod
    def from_preset(cls, preset, **kwargs):
        """A restorer by name, trained before.

        Args:
            preset: the name of a model that comes with this library; a folder of
                `save_to_preset` or of a training; `hf://owner/name` or
                `kaggle://owner/model/keras/name`.
            **kwargs: further arguments of the class, such as `name`.

        Returns:
            A `VideoRestorer`.

        Raises:
            ValueError: if there is no such preset, with the names of those there
                are, or it is one of another task.
        """
        trained = cls.find_preset(preset)
        quantisers = trained.defaults.get("quantisers")
        return cls(model=trained.load(), **{"quantisers": quantisers, **kwargs})

    def get_config(self):
        return {**super().get_config(), **self.preprocessor}


def _restored(value):
    """The frame, of a dict as well."""
    return value[RESTORED] if isinstance(value, dict) else value
