"""Converts a PyTorch checkpoint of BN-Inception or TSN to Keras weights.

    # ImageNet, for --weights of `offkeras train actions`
    offkeras prepare weights bn_inception-9f5701afb96c8044.pth rgb.weights.h5
    offkeras prepare weights bn_inception-9f5701afb96c8044.pth \\
        flow.weights.h5 --modality flow
    # a trained TSN, for --first-stage of `offkeras train actions`
    offkeras prepare weights ucf101_rgb.pth tsn.weights.h5 --num-classes 101
    # the same of tsn-pytorch, which subtracts another mean
    offkeras prepare weights ucf101_rgb.pth tsn.weights.h5 \\
        --num-classes 101 --mean 128 117 104

RGB weights become those of another modality by averaging the first convolution.
The training also takes `.pth` files as they are; this needs PyTorch once only.
"""

from pathlib import Path

import numpy as np

from offkeras import backbones, modalities, models, weights
from offkeras.storage.writing import written_whole
from offkeras.training import options


@options.bad_input()
def main(argv=None, *, prog=None):
    """Reads the one file and writes the other."""
    parser = options.make_parser(__doc__, prog)
    parser.add_argument("checkpoint", type=Path, help=".pth or .npz file to read")
    parser.add_argument(
        "out",
        type=Path,
        help=".weights.h5 file to write, or .npz: the arrays in half precision",
    )
    parser.add_argument("--modality", choices=modalities.MODALITIES, default="rgb")
    parser.add_argument(
        "--num-classes",
        type=int,
        help="write a TSN with this many actions; default: BN-Inception alone",
    )
    parser.add_argument(
        "--mean",
        type=float,
        nargs="+",
        help="of the images that the network was trained on, one number or one of each "
        "channel in the order R, G, B; OUT notes it (default: that of the modality; "
        "tsn-pytorch: 128 117 104)",
    )
    arguments = parser.parse_args(argv)
    if not arguments.checkpoint.is_file():
        parser.error(f"no such file: {arguments.checkpoint}")
    mean = _mean(arguments, parser)
    if arguments.out.suffix == ".npz":
        write_halves(arguments.checkpoint, arguments.out)
        return
    if not arguments.out.name.endswith(".weights.h5"):
        parser.error(f"OUT must end in .weights.h5 or .npz. Received: {arguments.out}")

    if arguments.num_classes is None:
        channels = modalities.find(arguments.modality).channels
        model = backbones.BNInception(input_shape=(224, 224, channels))
        weights.load_bn_inception(model, arguments.checkpoint)
    else:
        model = models.TSN(
            arguments.num_classes, num_segments=None, modality=arguments.modality
        )
        weights.load_tsn(model, arguments.checkpoint)
    with written_whole(arguments.out) as temporary:
        model.save_weights(temporary)
        if mean is not None:
            weights.write_mean(temporary, mean)
    print(f"{arguments.out}: {model.count_params():,} parameters of {model.name}")


def _mean(arguments, parser):
    """A number, one a channel, or None for the default."""
    mean = arguments.mean
    if mean is None:
        return None
    channels = modalities.find(arguments.modality).channels
    if len(mean) not in (1, channels) or not np.isfinite(mean).all():
        parser.error(f"--mean expects 1 or {channels} numbers. Received: {mean}.")
    if arguments.out.suffix == ".npz":
        parser.error("--mean is for a .weights.h5 file: an .npz notes none.")
    return mean if len(mean) > 1 else mean[0]


def write_halves(checkpoint, out):
    """Writes the arrays of a checkpoint under their own names, in half precision."""
    arrays = {
        name: value.astype("float16")
        for name, value in weights.read_arrays(checkpoint).items()
        if not name.endswith(".num_batches_tracked")
    }
    with written_whole(out) as temporary:
        np.savez(temporary, **arrays)
    print(f"{out}: {sum(a.size for a in arrays.values()):,} numbers")
