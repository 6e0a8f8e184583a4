"""The systems that are compared: what each looks at, and what it makes of the motion.

All of them have the same fixed backbone, so that they differ in nothing else.
"""

import dataclasses

import keras

from offkeras import backbones, models
from offkeras.models.features import scale_reductions
from offkeras.tasks import video_classifier


@dataclasses.dataclass(frozen=True)
class System:
    """One of the systems.

    Attributes:
        modality: what it looks at, see `modalities`.
        motion: arguments of its `OFFActionRecognizer`, whose score is appearance +
            off_3; None: appearance alone, a `TSN`.
    """

    modality: str = "rgb"
    motion: dict | None = None


NO_GRADIENT = {"spatial": False, "temporal": False}
SYSTEMS = {
    "rgb": System(),
    "off": System(motion={}),
    "off_t": System(motion={"spatial": False}),
    "off_s": System(motion={"temporal": False}),
    "hypercolumn": System(motion=NO_GRADIENT),
    "tea": System(motion={"motion": "tea"}),
    "tdn": System(motion={"motion": "tdn"}),
    "motion_squeeze": System(motion={"motion": "motion_squeeze"}),
    "rgb_diff": System("rgb_diff"),
    "rgb_diff_off": System("rgb_diff", {}),
    "flow": System("flow"),
    "flow_off": System("flow", {}),
    "codec": System("codec"),
    "codec_off": System("codec", {}),
    "dynamic_image": System("dynamic_image"),
    "dynamic_image_off": System("dynamic_image", {}),
}


def make_backbone(modality, o):
    """The fixed backbone of all systems of a modality.

    Args:
        modality: its name.
        o: options with `backbone`, `weights`, `size` and `seed`.
    """
    keras.utils.set_random_seed(o.seed)
    backbone = backbones.create(
        o.backbone,
        weights=o.weights or None,
        input_shape=(o.size, o.size, 3),
        modality=modality,
    )
    backbone.trainable = False
    return backbone


def build(system, num_classes, backbone, o):
    """A system, as wide as `VideoClassifier` makes it by default.

    Args:
        system: the `System`.
        num_classes: number of actions.
        backbone: that of its modality.
        o: options with `dropout` and `seed`.

    Returns:
        A recognizer for clips of any length.
    """
    # Whatever was made before it, a system begins with the same weights.
    keras.utils.set_random_seed(o.seed)
    shared = dict(
        num_segments=None,
        modality=system.modality,
        backbone=backbone,
        dropout=o.dropout,
    )
    if system.motion is None:
        return models.TSN(num_classes, **shared)
    return models.OFFActionRecognizer(
        num_classes,
        filters=video_classifier.FILTERS,
        refinement_filters=video_classifier.REFINEMENT_FILTERS,
        spatial_dropout=video_classifier.SPATIAL_DROPOUT,
        **shared,
        **system.motion,
    )


def make(system, num_classes, backbone, o):
    """What `build` makes, ready to be trained: OFF begins at the scale of its maps."""
    recognizer = build(system, num_classes, backbone, o)
    scale_reductions(recognizer)
    return recognizer
