"""The recipes of action recognition: all options, and the paper's choices of them.

    python -m training.action_recognition --preset ucf101_rgb --split 1

Iterations count batches of 128 clips, as in the paper. Another global batch (over
all devices) makes as many more or fewer of them, at a learning rate in proportion.
"""

import dataclasses

from training.options import option


@dataclasses.dataclass(frozen=True)
class Options:
    """All defaults: section 5.1 of the paper where it says, TSN elsewhere."""

    data: str = option(
        "camera_motion",
        "'camera_motion', 'acceleration', a folder of class folders, or with "
        "--dataset a folder of training.prepare_videos",
    )
    output: str = option("runs/action_recognition", "folder for checkpoints and logs")
    export_to: str = option("savedmodels", "folder of the SavedModels")
    resume: bool = option(False, "go on where a killed run stopped")
    seed: int = option(0, "seed of every random choice")
    devices: str = option(
        "", "devices such as 'GPU:0,GPU:1' or 'CPU:0,CPU:1'; default: all GPUs"
    )
    precision: str = option("float32", "'float32', 'mixed_bfloat16' or 'mixed_float16'")
    deterministic: bool = option(False, "the same bits in every run, also on GPUs")
    # Prepared videos
    dataset: str = option("", "'ucf101' or 'hmdb51', the official splits")
    lists: str = option("", "folder of the official lists")
    split: int = option(1, "official split: 1, 2 or 3")
    modality: str = option("rgb", "'rgb', 'rgb_diff' or 'flow'")
    scheme: str = option("paper", "frames of the second stage: 'paper' or 'released'")
    # Model
    variant: str = option("paper", "'paper' or 'released'")
    spatial: bool = option(True, "spatial gradients")
    temporal: bool = option(True, "temporal gradient")
    width: float = option(1.0, "width multiplier of BN-Inception")
    weights: str = option("", "weights of BN-Inception to start from, .pth or .h5")
    first_stage: str = option(
        "", "weights of a trained TSN, instead of the first stage"
    )
    appearance_dropout: float = option(0.8, "dropout of the first stage")
    dropout: float = option(0.8, "dropout before the classifiers")
    spatial_dropout: float = option(0.8, "dropout of the spatial gradients")
    # Data
    size: int = option(224, "height and width of a segment in pixels")
    appearance_segments: int = option(3, "segments of a clip of the first stage")
    num_segments: int = option(7, "segments of a training clip")
    test_segments: int = option(25, "segments of a test clip")
    validation_fraction: float = option(0.2, "share of each class held out; 0: none")
    on_error: str = option("raise", "'raise' or 'skip' unreadable videos")
    clips_per_epoch: int = option(3000, "clips in an epoch of an embedded set")
    evaluation_clips: int = option(800, "held-out clips of an embedded set")
    # Optimisation. Epochs: 3,500 and 20,000 iterations on a split of UCF-101.
    end_to_end: bool = option(False, "one stage instead of two")
    partial_bn: bool = option(False, "fix all but the first batch normalisation")
    batch_size: int = option(128, "clips of a step, over all devices")
    appearance_epochs: int = option(47, "epochs of the first stage")
    appearance_iterations: int = option(0, "batches of 128 clips, instead of epochs")
    appearance_drops: str = option(
        "1500/3500,3000/3500", "where its learning rate drops to a tenth"
    )
    appearance_learning_rate: float = option(0.001, "of the first stage")
    appearance_clip_norm: float = option(40.0, "clip_norm of the first stage")
    off_epochs: int = option(268, "epochs of the second, or the only stage")
    off_iterations: int = option(0, "batches of 128 clips, instead of epochs")
    off_drops: str = option(
        "10000/20000,15000/20000,18000/20000", "where the learning rate drops"
    )
    off_cycles: int = option(0, "cycles of a cosine with restarts, instead of drops")
    learning_rate: float = option(0.02, "of the second stage, for a batch of 128")
    optimizer: str = option("sgd", "'sgd', or 'adam' with a cosine schedule")
    momentum: float = option(0.9, "of SGD")
    weight_decay: float = option(5e-4, "of kernels; biases and BN have none")
    clip_norm: float = option(40.0, "largest global norm of the gradient")


# === First stage: TSN, as its authors trained it ===
# Left out: their biases learn at twice the rate, and with flow the first
# convolution at five times; Keras has one rate for all variables. Their frames
# jitter independently in the three parts of a video, here all parts share the
# draw.
TSN = dict(
    partial_bn=True,
    # Caffe adds 5e-4 of the weights to the gradient, which the momentum then sums
    # up 1 / (1 - 0.9) times; Keras takes the decay off the weights directly.
    weight_decay=5e-3,
    validation_fraction=0.0,  # all training videos
)
TSN_RGB = dict(appearance_learning_rate=0.001, appearance_dropout=0.8)
TSN_FLOW = dict(
    appearance_learning_rate=0.005, appearance_dropout=0.7, appearance_clip_norm=20.0
)
# RGB-diff came later, with a recipe in epochs.
TSN_RGB_DIFF = dict(
    appearance_learning_rate=0.001,
    appearance_dropout=0.8,
    appearance_segments=7,
    appearance_epochs=180,
    appearance_drops="80/180,160/180",
)
UCF101 = dict(dataset="ucf101", data="ucf101", lists="ucfTrainTestlist")
UCF101_RGB = dict(
    appearance_iterations=3500, appearance_drops="1500/3500,3000/3500", **TSN_RGB
)
UCF101_FLOW = dict(
    appearance_iterations=18000, appearance_drops="10000/18000,16000/18000", **TSN_FLOW
)
HMDB51 = dict(dataset="hmdb51", data="hmdb51", lists="testTrainMulti_7030_splits")
HMDB51_RGB = dict(
    appearance_iterations=2500, appearance_drops="1000/2500,2000/2500", **TSN_RGB
)
HMDB51_FLOW = dict(
    appearance_iterations=7000, appearance_drops="4000/7000,6000/7000", **TSN_FLOW
)

# === Second stage: OFF on the fixed first, section 5.1 ===
# 20,000 iterations, a tenth of the rate after 10,000, 15,000 and 18,000.
OFF = dict(off_iterations=20000, off_drops="10000/20000,15000/20000,18000/20000")
OFF_RGB = dict(modality="rgb", learning_rate=0.02)
# "temporal modality like optical flow"
OFF_RGB_DIFF = dict(modality="rgb_diff", learning_rate=0.05)
OFF_FLOW = dict(modality="flow", learning_rate=0.05)

# === Second stage as in the released code ===
# Its solvers are for UCF-101 only; on HMDB-51 they are taken over as they are.
# Left out: rates of biases (2x) and of the reductions of flow and RGB-diff (5x);
# the statistics of the first batch normalisation, which go on adapting there and
# are fixed here, as section 4.2.1 says; spatial gradients paired with frames of
# other videos in RGB training, a mistake in indexing.
RELEASED = dict(
    variant="released",
    scheme="released",
    learning_rate=0.02,
    # Clipped at 40 as a sum over two halves of the batch, then averaged.
    clip_norm=20.0,
)
RELEASED_RGB = dict(modality="rgb", off_iterations=20000, off_cycles=5)
RELEASED_RGB_DIFF = dict(modality="rgb_diff", off_iterations=12000, off_cycles=6)
RELEASED_FLOW = dict(modality="flow", off_iterations=24000, off_cycles=6)


def _recipe(name, *parts):
    merged = {"output": f"runs/{name}_split{{split}}"}
    for part in (TSN, *parts):
        merged |= part
    return {name: merged}


PRESETS = {
    **_recipe("ucf101_rgb", UCF101, UCF101_RGB, OFF, OFF_RGB),
    **_recipe("ucf101_rgb_diff", UCF101, TSN_RGB_DIFF, OFF, OFF_RGB_DIFF),
    **_recipe("ucf101_flow", UCF101, UCF101_FLOW, OFF, OFF_FLOW),
    **_recipe("hmdb51_rgb", HMDB51, HMDB51_RGB, OFF, OFF_RGB),
    **_recipe("hmdb51_rgb_diff", HMDB51, TSN_RGB_DIFF, OFF, OFF_RGB_DIFF),
    **_recipe("hmdb51_flow", HMDB51, HMDB51_FLOW, OFF, OFF_FLOW),
    **_recipe("ucf101_rgb_released", UCF101, UCF101_RGB, RELEASED, RELEASED_RGB),
    **_recipe(
        "ucf101_rgb_diff_released", UCF101, TSN_RGB_DIFF, RELEASED, RELEASED_RGB_DIFF
    ),
    **_recipe("ucf101_flow_released", UCF101, UCF101_FLOW, RELEASED, RELEASED_FLOW),
    **_recipe("hmdb51_rgb_released", HMDB51, HMDB51_RGB, RELEASED, RELEASED_RGB),
    **_recipe(
        "hmdb51_rgb_diff_released", HMDB51, TSN_RGB_DIFF, RELEASED, RELEASED_RGB_DIFF
    ),
    **_recipe("hmdb51_flow_released", HMDB51, HMDB51_FLOW, RELEASED, RELEASED_FLOW),
}

# === Embedded sets: trained from nothing within minutes ===
SMALL = dict(
    width=0.25,
    size=96,
    appearance_segments=4,
    num_segments=4,
    test_segments=4,
    batch_size=16,
    evaluation_clips=400,
    appearance_dropout=0.0,
    dropout=0.0,
    spatial_dropout=0.0,
    optimizer="adam",  # does not stall
    appearance_epochs=1,
    appearance_learning_rate=0.012,
    off_epochs=5,
    learning_rate=0.012,
)
PRESETS["camera_motion"] = dict(
    data="camera_motion", output="runs/camera_motion", **SMALL
)
PRESETS["acceleration"] = {
    **SMALL,
    **dict(data="acceleration", output="runs/acceleration", modality="flow", size=64),
}
