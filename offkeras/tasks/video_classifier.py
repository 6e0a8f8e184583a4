"""A video classifier: a recognizer with its classes, its loss and its training."""

import os

import keras
import numpy as np
from keras import ops

from offkeras import backbones, inference, models
from offkeras.models import task
from offkeras.models.features import scale_reductions, with_classes
from offkeras.tasks.task import (
    Task,
    classes_and_names,
    count_classes,
    may_compile,
)

LEAST_CLASSES = 2
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-2
# Widths of OFF and of its refinement, for sets smaller than those of the paper.
FILTERS, REFINEMENT_FILTERS, SPATIAL_DROPOUT = 64, (48, 48, 48), 0.0
TRAININGS = ("heads", "two_stages", "end_to_end")
APPEARANCE_STAGE = "appearance_stage_"  # before the names of its logs


@keras.saving.register_keras_serializable("offkeras")
class VideoClassifier(Task):
    """Classifies videos: a backbone, OFF on its maps, and everything to train it.

    It is compiled: `fit` takes `(frames, labels)` as they are. Every output of the
    recognizer has a loss of its own (section 4.2.2); its accuracy is that of
    appearance + off_3 (section 4.3).

    Args:
        backbone: a model from images to a dict of maps, or the name of one, see
            `backbones.create`: then with ImageNet weights at 112x112.
        num_classes: number of classes. Default: that of `class_names`.
        num_segments: frames of a clip, two or more.
        training: what `fit` trains. `"heads"`: OFF and the classifiers on the fixed
            backbone, at once; for pretrained backbones and small sets.
            `"two_stages"`: the appearance stream, backbone included, for all
            epochs, then OFF on the fixed backbone for as many (section 4.2.1).
            `"end_to_end"`: everything at once.
        class_names: names of the classes in the order of the labels.
        filters: channels of the reduced features.
        refinement_filters: channels of the residual blocks by level.
        dropout: dropout rate before every classifier.
        spatial_dropout: dropout rate of the spatial gradients (section 5.1).
        recognizer: in place of all of the above but `training` and `class_names`: an
            `OFFActionRecognizer`, trained or not.
        name: name of the model.

    Input shape:
        `(batch, segments, height, width, 3)` in 0..255, or a dict with it as
        `"frames"`.

    Output shape:
        Dict of logits `(batch, num_classes)`: `appearance`, `off_1`, `off_2` and
        `off_3`.

    Raises:
        ValueError: if an argument is outside the values above, or they do not go
            together.

    Example:

    ```python
    videos = data.video_dataset_from_directory("my_videos", num_segments=6)
    classifier = VideoClassifier(
        "efficientnet_lite0", num_segments=6, class_names=videos.class_names
    )
    classifier.fit(videos, epochs=12)
    classifier.predict("walk.mp4")
    ```
    """

    kind = "recognizer"

    def __init__(
        self,
        backbone=None,
        num_classes=None,
        *,
        num_segments=6,
        training="heads",
        class_names=None,
        filters=FILTERS,
        refinement_filters=REFINEMENT_FILTERS,
        dropout=0.5,
        spatial_dropout=SPATIAL_DROPOUT,
        recognizer=None,
        name="video_classifier",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        if training not in TRAININGS:
            raise ValueError(
                f"Expected training to be one of {TRAININGS}. Received: {training!r}."
            )
        if (backbone is None) == (recognizer is None):
            raise ValueError("Expected either a backbone or a recognizer.")
        if recognizer is None:
            if isinstance(backbone, str):
                backbone = backbones.create(
                    backbone, weights="imagenet", input_shape=(112, 112, 3)
                )
            num_classes = count_classes(num_classes, class_names, LEAST_CLASSES)
            recognizer = models.OFFActionRecognizer(
                num_classes,
                num_segments=num_segments,
                backbone=backbone,
                filters=filters,
                refinement_filters=refinement_filters,
                dropout=dropout,
                spatial_dropout=spatial_dropout,
            )
            scale_reductions(recognizer)
        else:
            num_segments = recognizer.input["frames"].shape[1]
            classes = recognizer.output[task.APPEARANCE].shape[-1]
            if (num_classes, class_names) == (None, None):
                num_classes = classes
            num_classes = count_classes(num_classes, class_names, LEAST_CLASSES)
            if num_classes != classes:
                recognizer = with_classes(recognizer, num_classes)
        self.recognizer = recognizer
        self.num_classes, self.training = num_classes, training
        self.class_names = None if class_names is None else tuple(class_names)
        self.preprocessor = {"segments": num_segments} if num_segments else {}
        self.built = True
        self.compile()

    @property
    def backbone(self):
        """The network that sees the frames."""
        return models.backbone_of(self.recognizer)

    def call(self, inputs, training=None):
        if not isinstance(inputs, dict):
            inputs = {"frames": inputs}
        return self.recognizer(inputs, training=training)

    def compile(self, optimizer="auto", loss="auto", **kwargs):
        """As `keras.Model.compile`, with defaults.

        Args:
            optimizer: default: AdamW, 1e-3.
            loss: of every output that is trained. Default: sparse categorical
                cross-entropy of logits.
            **kwargs: further arguments of `keras.Model.compile`. The default of
                `metrics` is the accuracy of appearance + off_3.
        """
        if optimizer == "auto":
            optimizer = keras.optimizers.AdamW(LEARNING_RATE, WEIGHT_DECAY)
        optimizer = keras.optimizers.get(optimizer)
        if loss == "auto":
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        kwargs.setdefault("metrics", ["accuracy"])
        kwargs.setdefault("jit_compile", may_compile())
        stage = "appearance" if self.training == "two_stages" else self.training
        self._arguments = {"optimizer": optimizer, "loss": loss, **kwargs}
        self._enter(stage)

    def _enter(self, stage):
        """Makes a stage ready: what learns in it, and from which outputs."""
        self.stage = stage
        self.recognizer.trainable = False  # only a change reaches the layers within
        self.recognizer.trainable = True
        if stage == "appearance":
            learns = {self.backbone.name, f"{task.APPEARANCE}_logits"}
            for layer in self.recognizer.layers:
                layer.trainable = layer.name in learns
        elif stage != "end_to_end":
            self.backbone.trainable = False
        if stage == "off":
            self.recognizer.get_layer(f"{task.APPEARANCE}_logits").trainable = False
        arguments = dict(self._arguments)
        optimizer = arguments.pop("optimizer")
        # A stage begins with an optimizer that has no state.
        super().compile(
            type(optimizer).from_config(optimizer.get_config()), **arguments
        )

    @property
    def _trained(self):
        """The outputs that have a loss."""
        return {
            "appearance": (task.APPEARANCE,),
            "off": task.OFF_OUTPUTS,
        }.get(self.stage, task.CLASSIFIERS)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **kwargs):
        """The sum of the losses of the outputs that are trained."""
        losses = [
            super(VideoClassifier, self).compute_loss(
                x, y, y_pred[name], sample_weight, **kwargs
            )
            for name in self._trained
        ]
        # Each of them has counted the regularisation of the layers.
        return sum(losses) - (len(losses) - 1) * sum(self.losses)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Those of the fused score, in the first stage of appearance alone."""
        scores = (
            y_pred[task.APPEARANCE]
            if self.stage == "appearance"
            else task.fuse_scores(y_pred)
        )
        return super().compute_metrics(x, y, scores, sample_weight)

    def fit(self, x=None, y=None, **kwargs):
        """As `keras.Model.fit`; with `training="two_stages"` both of them.

        Args:
            x: frames, or a dataset of `(frames, labels)`.
            y: labels.
            **kwargs: further arguments of `keras.Model.fit`.

        Returns:
            A `keras.callbacks.History`; the names of the first of two stages begin
            with `appearance_stage_`.
        """
        if self.training != "two_stages":
            return super().fit(x, y, **kwargs)
        self._enter("appearance")
        first = super().fit(x, y, **kwargs).history
        self._enter("off")
        history = super().fit(x, y, **kwargs)
        renamed = {APPEARANCE_STAGE + name: values for name, values in first.items()}
        history.history = {**renamed, **history.history}
        return history

    def predict(self, x, **kwargs):
        """Probabilities of the classes.

        Args:
            x: the path of a video or of a folder of images; or frames or a dataset,
                as of `keras.Model.predict`.
            **kwargs: further arguments of `keras.Model.predict`; for a path none.

        Returns:
            float32 `(num_classes,)` of a path, `(clips, num_classes)` of frames.
        """
        if isinstance(x, (str, os.PathLike)):
            return inference.classify_video(x, self.recognizer, **kwargs).probabilities
        scores = task.fuse_scores(super().predict(x, **kwargs))
        return np.asarray(ops.softmax(scores))

    @classmethod
    def from_preset(cls, preset, *, num_classes=None, class_names=None, **kwargs):
        """A classifier by name: pretrained, or trained before.

        Args:
            preset: the name of a backbone, see `backbones.create`: it comes with
                ImageNet weights, under heads that are new; the name of a model that
                comes with this library; a folder of `save_to_preset` or of a
                training; `hf://owner/name` or `kaggle://owner/model/keras/name`.
            num_classes: number of classes. Default: those it was trained with.
                Another number makes new classifiers.
            class_names: names of other classes than those it was trained with.
            **kwargs: further arguments of the class, such as `training`.

        Returns:
            A `VideoClassifier`.

        Raises:
            ValueError: if there is no such preset, with the names of those there
                are, or it is one of another task.
        """
        if backbones.is_name(preset):
            return cls(preset, num_classes, class_names=class_names, **kwargs)
        trained = cls.find_preset(preset)
        classes = classes_and_names(trained, num_classes, class_names)
        return cls(recognizer=trained.load(), **classes, **kwargs)

    @classmethod
    def presets(cls):
        """Names that `from_preset` knows without a network, sorted."""
        return sorted([*backbones.BACKBONES, *super().presets()])

    def get_config(self):
        return {
            **super().get_config(),
            "training": self.training,
            "class_names": self.class_names,
        }
