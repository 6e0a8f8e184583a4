"""A video detector: R-FCN with OFF, its classes, its losses and its training."""

import os

import keras

from offkeras import backbones, inference, models
from offkeras.inference.trained import MIN_SCORE, SIZE
from offkeras.models import detection_head, task
from offkeras.tasks.task import (
    Task,
    classes_and_names,
    count_classes,
    may_compile,
)

LEAST_CLASSES = 1  # beside the background
# Adam does not stall where there is nothing to start from.
LEARNING_RATE, CLIP_NORM = 1e-3, 10.0
TRUTH = ("frames", "boxes", "classes")  # what the losses are made of


@keras.saving.register_keras_serializable("offkeras")
class VideoDetector(Task):
    """Detects objects in videos: an `OFFVideoDetector` and everything to train it.

    It is compiled: `fit` takes what `data.DetectionVideos.train` yields, dicts of
    `frames`, `boxes` and `classes`, see `models.detection_trainer`. The loss is the sum
    of that of the classes and that of the boxes of proposals (`rpn_class`, `rpn_box`)
    and of detections (`rcnn_class`, `rcnn_box`).

    Args:
        backbone: a model from images to a dict of maps, or the name of one, see
            `backbone_of_name`.
        num_classes: number of classes without the background. Default: that of
            `class_names`.
        num_frames: frames that it sees, the last of which its objects are detected
            in. 1 makes an `RFCN`, without OFF.
        class_names: names of the classes in the order of the labels.
        size: short and longest long side in pixels that frames of a video are scaled
            to, as in training.
        min_score: objects of a video below this score are left out.
        gap: seconds from the frame that one of a video is compared with to that one.
            Default: the frame before.
        detector: in place of a backbone and of its options: an `OFFVideoDetector` or
            an `RFCN`, trained or not.
        seed: of the anchors that a step of training draws.
        name: name of the model.
        **options: further arguments of `models.OFFVideoDetector` or `models.RFCN`.

    Input shape:
        `(batch, num_frames, height, width, 3)` in 0..255, or a dict with it as
        `"frames"`.

    Output shape:
        Dict of `boxes`, `scores`, `classes` and `count`; of inputs with `boxes` and
        `classes` a dict of the four losses of each image.

    Raises:
        ValueError: if an argument is outside the values above, or they do not go
            together.

    Example:

    ```python
    videos = data.load_coco_vid("my_videos/train.json", "my_videos")
    detector = VideoDetector("resnet50", class_names=videos.class_names)
    detector.fit(videos.train(data.Stream(epochs=None), batch_size=2), epochs=8)
    for frame in detector.predict("street.mp4"):
        print(frame.timestamp, frame.boxes, frame.tracks)
    ```
    """

    kind = "detector"

    def __init__(
        self,
        backbone=None,
        num_classes=None,
        *,
        num_frames=2,
        class_names=None,
        size=SIZE,
        min_score=MIN_SCORE,
        gap=0.0,
        detector=None,
        seed=0,
        name="video_detector",
        **options,
    ):
        super().__init__(name=name)
        if (backbone is None) == (detector is None):
            raise ValueError("Expected either a backbone or a detector.")
        if detector is None:
            if isinstance(backbone, str):
                backbone = backbone_of_name(backbone)
            num_classes = count_classes(num_classes, class_names, LEAST_CLASSES)
            options["backbone"] = backbone
            detector = (
                models.RFCN(num_classes, **options)
                if num_frames == 1
                else models.OFFVideoDetector(
                    num_classes, num_frames=num_frames, **options
                )
            )
        else:
            detector = _with_classes(detector, num_classes, class_names, options)
        self.detector = detector
        self.trainer = models.detection_trainer(detector, seed=seed)
        self.num_classes = detection_head.num_classes_of(detector)
        self.class_names = None if class_names is None else tuple(class_names)
        shown = {"size": list(size), "min_score": min_score, "gap": gap}
        self.preprocessor = shown
        self.seed = seed
        self.built = True
        self.compile()

    @property
    def backbone(self):
        """The network that sees the frames."""
        return models.backbone_of(self.detector)

    def call(self, inputs, training=None):
        if not isinstance(inputs, dict):
            inputs = {"frames": inputs}
        if {*TRUTH} <= {*inputs}:
            truth = {name: inputs[name] for name in TRUTH}
            return self.trainer(truth, training=training)
        return self.detector(inputs, training=training)

    def compile(self, optimizer="auto", **kwargs):
        """As `keras.Model.compile`, with defaults; the losses are given.

        Args:
            optimizer: default: Adam, 1e-3, with gradients of a norm of at most 10.
            **kwargs: further arguments of `keras.Model.compile`.
        """
        if optimizer == "auto":
            optimizer = keras.optimizers.Adam(LEARNING_RATE, global_clipnorm=CLIP_NORM)
        kwargs.setdefault("jit_compile", may_compile())
        super().compile(optimizer, **kwargs)

    def predict(self, x, **kwargs):
        """Objects of a video, or of frames.

        Args:
            x: the path of a video or of a folder of images; or frames, as of
                `keras.Model.predict`.
            **kwargs: further arguments of `keras.Model.predict`; for a path those of
                `inference.detect`.

        Returns:
            Of a path a list, an `inference.FrameDetections` per frame; of frames the
            dict of `boxes`, `scores`, `classes` and `count`.
        """
        if isinstance(x, (str, os.PathLike)):
            shown = {**self.preprocessor}
            shown["short_side"], shown["long_side"] = shown.pop("size")
            return list(inference.detect(x, self.detector, **{**shown, **kwargs}))
        if isinstance(x, dict):
            x = x["frames"]
        return super().predict(x, **kwargs)

    @classmethod
    def from_preset(cls, preset, *, num_classes=None, class_names=None, **kwargs):
        """A detector by name: on a pretrained backbone, or trained before.

        Args:
            preset: the name of a backbone, see `backbone_of_name`; the name of a model
                that comes with this library; a folder of `save_to_preset` or of a
                training; `hf://owner/name` or `kaggle://owner/model/keras/name`.
            num_classes: number of classes. Default: those it was trained with.
                Another number makes new score maps.
            class_names: names of other classes than those it was trained with.
            **kwargs: further arguments of the class, such as `size`.

        Returns:
            A `VideoDetector`.

        Raises:
            ValueError: if there is no such preset, with the names of those there
                are, or it is one of another task.
        """
        if backbones.is_name(preset):
            return cls(preset, num_classes, class_names=class_names, **kwargs)
        trained = cls.find_preset(preset)
        classes = classes_and_names(trained, num_classes, class_names)
        kwargs = {**trained.defaults, **kwargs}
        return cls(detector=trained.load(), **classes, **kwargs)

    @classmethod
    def presets(cls):
        """Names that `from_preset` knows without a network, sorted."""
        return sorted([*backbones.BACKBONES, *super().presets()])

    def get_config(self):
        return {
            **super().get_config(),
            **self.preprocessor,
            "class_names": self.class_names,
            "seed": self.seed,
        }


def backbone_of_name(name, weights="imagenet"):
    """A backbone as a detector takes it: for frames of any size.

    Args:
        name: see `backbones.create`. Of a ResNet the first stages are fixed, which
            hold what ImageNet taught them, and the last map is a fine one.
        weights: see `backbones.create`. `tiny_resnet` has none.

    Returns:
        A `keras.Model`.
    """
    if name == "tiny_resnet":
        weights = None
    resnet = name.startswith("resnet")
    return backbones.create(
        name,
        weights=weights,
        input_shape=(None, None, 3),
        **({"dilated": True, "freeze": True} if resnet else {}),
    )


def _with_classes(detector, num_classes, class_names, options):
    """The detector that was given, with new score maps for other classes."""
    if options:
        raise ValueError(
            f"Expected no options of a network beside a detector. Received: {options}."
        )
    if task.task_of(detector) != task.DETECTION:
        raise ValueError(
            "Expected detector to be an OFFVideoDetector or an RFCN. "
            f"Received: {detector.name!r}."
        )
    classes = detection_head.num_classes_of(detector)
    if (num_classes, class_names) == (None, None):
        return detector
    num_classes = count_classes(num_classes, class_names, LEAST_CLASSES)
    if num_classes == classes:
        return detector
    return detection_head.with_classes(detector, num_classes)
