"""Converts a PyTorch checkpoint of BN-Inception or TSN to Keras weights.

    # ImageNet, for --weights of training.action_recognition
    python -m training.import_weights bn_inception-9f5701afb96c8044.pth rgb.weights.h5
    python -m training.import_weights bn_inception-9f5701afb96c8044.pth \\
        flow.weights.h5 --modality flow
    # a trained TSN, for --first-stage of training.action_recognition
    python -m training.import_weights ucf101_rgb.pth tsn.weights.h5 --num-classes 101

RGB weights become those of another modality by averaging the first convolution.
The training also takes `.pth` files as they are; this needs PyTorch once only.
"""

import argparse
from pathlib import Path

from offkeras import backbones, models, weights
from training import options


@options.bad_input()
def main(argv=None):
    """Reads the one file and writes the other."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("checkpoint", type=Path, help=".pth or .npz file to read")
    parser.add_argument("out", type=Path, help=".weights.h5 file to write")
    parser.add_argument("--modality", choices=models.MODALITIES, default="rgb")
    parser.add_argument(
        "--num-classes",
        type=int,
        help="write a TSN with this many actions; default: BN-Inception alone",
    )
    arguments = parser.parse_args(argv)
    if not arguments.checkpoint.is_file():
        parser.error(f"no such file: {arguments.checkpoint}")
    if not arguments.out.name.endswith(".weights.h5"):
        parser.error(f"OUT must end in .weights.h5. Received: {arguments.out}")

    if arguments.num_classes is None:
        channels, mean = models.MODALITIES[arguments.modality]
        model = backbones.BNInception(input_shape=(224, 224, channels), mean=mean)
        weights.load_bn_inception(model, arguments.checkpoint)
    else:
        model = models.TSN(
            arguments.num_classes, num_segments=None, modality=arguments.modality
        )
        weights.load_tsn(model, arguments.checkpoint)
    model.save_weights(arguments.out, overwrite=True)
    print(f"{arguments.out}: {model.count_params():,} parameters of {model.name}")


if __name__ == "__main__":
    main()
