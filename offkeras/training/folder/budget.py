"""What a training on kept features may spend: its clips, its epochs, its backbone."""

import dataclasses

from offkeras.training.options import option

FLIPS = ("auto", "yes", "no")


@dataclasses.dataclass(frozen=True)
class Budget:
    """Options that a training and a comparison of several share."""

    backbone: str = option("efficientnet_lite0", "see offkeras.backbones.create")
    weights: str = option("imagenet", "of the backbone: 'imagenet' or a file")
    size: int = option(112, "height and width of a frame in pixels", least=32)
    segments: int = option(6, "frames of a training clip", least=2)
    total_segments: int = option(12, "frames of a whole video", least=2)
    views: int = option(8, "crops and stretches of each video to learn from", least=1)
    flip: str = option(
        "auto",
        "mirror half of the clips; auto: unless classes have sides",
        choices=FLIPS,
    )
    validation_fraction: float = option(0.2, "share of each class held out")
    epochs: int = option(12, "epochs at most", least=1)
    patience: int = option(6, "epochs without a better one to stop after", least=1)
    batch_size: int = option(16, "clips of a step", least=1)
    learning_rate: float = option(2e-3, "the highest, after a rise")
    weight_decay: float = option(0.05, "of kernels")
    label_smoothing: float = option(0.0, "share of the label spread over all classes")
    class_weights: bool = option(True, "rare classes weigh more where they are rare")
    dropout: float = option(0.5, "before every classifier")
    cache_gib: float = option(8.0, "most gibibytes of features on disk")
