"""The recipes of object detection: all options, and the paper's choices of them."""

import dataclasses

from offkeras.training.options import RunOptions, option


@dataclasses.dataclass(frozen=True)
class Options(RunOptions):
    """All defaults: section 6 of the paper where it says, FGFA elsewhere."""

    data: str = option("ILSVRC2015", "'moving_objects', 'movers', or a folder")
    backgrounds: str = option(
        "", "folder of photographs for 'movers', beside the sample videos"
    )
    train: str = option(
        "VID_train_15frames,DET_train_30classes", "lists, or a COCO-VID JSON"
    )
    validation: str = option("VID_val_frames", "list or JSON to watch while training")
    validation_frames: int = option(200, "frames of it, spread evenly")
    test: str = option("VID_val_videos", "list or JSON to test on at the end")
    classes: str = option("", "list of the classes; default: ImageNet VID's 30")
    on_error: str = option(
        "raise", "'raise', or 'skip' broken training frames", choices=("raise", "skip")
    )
    keep_empty: bool = option(False, "train on frames without objects as well")
    output: str = option("runs/object_detection", "folder for checkpoints and logs")
    # Model
    model: str = option(
        "off_multi",
        "with OFF on two scales, on one, or without",
        choices=("off_multi", "off_single", "rfcn"),
    )
    offsets: str = option("-1", "frames to each reference; 0: the key frame itself")
    jitter: int = option(0, "largest random shift of the references, in training")
    backbone: str = option(
        "resnet101",
        "'resnet101', 'resnet50', 'tiny' or another of offkeras.backbones.create",
    )
    weights: str = option("", "weights of the backbone: 'imagenet' or a path")
    channels: int = option(1024, "channels of the features that are detected on")
    dilation: int = option(6, "dilation of their convolution")
    filters: int = option(128, "channels of the reduced features")
    fusion: str = option("concat", "of two scales", choices=("concat", "add"))
    anchor_scales: str = option("8,16,32", "sides of the anchors, in cells")
    num_candidates: int = option(6000, "boxes before the suppression of proposals")
    num_proposals: int = option(300, "boxes after it")
    # Data
    short_side: int = option(600, "shorter side of a frame in pixels")
    long_side: int = option(1000, "longer side at most")
    flip: bool = option(True, "mirror half of the samples")
    # Optimisation. 8 epochs: 220k steps of 4 frames, over VID and DET.
    optimizer: str = option(
        "sgd", "'sgd', or 'adam' with a cosine schedule", choices=("sgd", "adam")
    )
    epochs: int = option(8, "epochs", least=1)
    batch_size: int = option(4, "frames of a step, over all devices", least=1)
    # The paper's 2.5e-4 is for gradients summed over its 4 GPUs; here is the mean.
    learning_rate: float = option(1e-3, "learning rate")
    learning_rate_drop: float = option(1 / 3, "when it falls to a tenth: 73k of 220k")
    warm_up: int = option(500, "first steps, in which the learning rate rises from 0")
    momentum: float = option(0.9, "of SGD")
    weight_decay: float = option(5e-4, "of kernels")
    clip_norm: float = option(0.0, "largest global norm of the gradient; 0: any")


PRESETS = {
    # Section 6.2: 220k iterations, a tenth of the learning rate after 73k.
    "imagenet_vid": dict(output="runs/imagenet_vid"),
    # FGFA, whose learning rates these are, trains half as long.
    "imagenet_vid_110k": dict(
        output="runs/imagenet_vid_110k", epochs=4, learning_rate_drop=2 / 3
    ),
    "moving_objects": dict(
        data="moving_objects",
        output="runs/moving_objects_detector",
        train="VID_train_15frames",
        validation="VID_validation_frames",
        test="VID_test_videos",
        backbone="tiny",
        channels=64,
        dilation=1,
        filters=32,
        anchor_scales="3,4.5",
        num_candidates=200,
        num_proposals=50,
        short_side=96,
        long_side=128,
        # Trained from nothing within minutes; Adam does not stall.
        optimizer="adam",
        epochs=6,
        batch_size=8,
        learning_rate=1e-3,
        warm_up=100,
        weight_decay=0.0,
        clip_norm=10.0,
    ),
    # Whatever moves by itself, small too, on a backbone that stays as it is.
    "movers": dict(
        data="movers",
        output="runs/movers_detector",
        train="VID_train_15frames",
        validation="VID_validation_frames",
        test="VID_test_frames",
        keep_empty=True,
        backbone="efficientnet_lite0_fpn",
        weights="imagenet",
        channels=128,
        dilation=2,
        filters=32,
        anchor_scales="2,4,8,16,24",
        num_candidates=300,
        num_proposals=60,
        short_side=288,
        long_side=384,
        optimizer="adam",
        epochs=3,
        batch_size=8,
        learning_rate=1e-3,
        warm_up=100,
        weight_decay=0.0,
        clip_norm=10.0,
    ),
}
