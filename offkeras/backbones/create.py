"""Backbones by name: the one table of them, and pyramids of other libraries."""

import dataclasses
import functools
from collections.abc import Callable

from offkeras import modalities
from offkeras.backbones import bn_inception, efficientnet_lite, pyramids, resnet
from offkeras.backbones.feature_pyramid import FeaturePyramid
from offkeras.backbones.tiny_resnet import TinyResNet
from offkeras.weights import read_mean


@dataclasses.dataclass(frozen=True)
class Backbone:
    """One entry of the table.

    Attributes:
        build: function of `weights`, `input_shape`, `mean` and its own options to a
            model from images in 0..255 to a dict of maps.
        levels: names of the maps that OFF is taken of, by resolution, fine to coarse.
            None: the network has no three levels that halve.
    """

    build: Callable
    levels: tuple | None


def _lite(variant):
    build = functools.partial(efficientnet_lite.EfficientNetLite, variant)
    return Backbone(build, efficientnet_lite.LEVELS)


def _resnet(depth):
    build = functools.partial(resnet.ResNet, depth, dilated=False, freeze=False)
    return Backbone(build, resnet.LEVELS)


def _tiny_resnet(*, weights=None, mean=None, **options):
    for name, value in (("weights", weights), ("mean", mean)):
        if value:
            raise ValueError(
                f"Expected no {name} for tiny_resnet: it is trained from nothing. "
                f"Received: {name}={value!r}."
            )
    return TinyResNet(**options)


BACKBONES = {
    "bn_inception": Backbone(bn_inception.BNInception, bn_inception.LEVELS),
    "efficientnet_lite0": _lite(0),
    "efficientnet_lite1": _lite(1),
    "efficientnet_lite2": _lite(2),
    "efficientnet_lite0_fpn": Backbone(FeaturePyramid, None),
    "resnet50": _resnet(50),
    "resnet101": _resnet(101),
    "resnet152": _resnet(152),
    "tiny_resnet": Backbone(_tiny_resnet, None),
}


def create(name, *, weights=None, input_shape=(224, 224, 3), modality="rgb", **options):
    """Makes a backbone: a network from images to maps of several resolutions.

    Args:
        name: an entry of the table: `bn_inception`, `efficientnet_lite0` to
            `efficientnet_lite2`, `efficientnet_lite0_fpn`, `resnet50`, `resnet101`,
            `resnet152`, `tiny_resnet`; or a network of another library, of which the
            last maps of strides 8, 16 and 32 are taken: a name of
            `keras.applications`, such as `MobileNetV2`, or a preset as
            `keras_cv:<preset>` or `keras_hub:<preset>`.
        weights: `None` for random initialisation, `"imagenet"`, or the path of a
            weights file.
        input_shape: `(height, width, channels)`; the channels follow `modality` where
            they are those of RGB.
        modality: what the images show, see `modalities`: their channels and mean.
            Weights of RGB serve the others as TSN has it: the first kernel is
            averaged over its inputs.
        **options: of the builder, such as `width` of `bn_inception` or `dilated` of a
            ResNet.

    Returns:
        A `keras.Model` from images in 0..255 to a dict of maps.

    Raises:
        ValueError: if there is no such backbone, with the names of those there are,
            or an argument does not fit it.
        ImportError: if a library or package that is needed is not installed.

    Example:

    >>> net = create("efficientnet_lite0", weights="imagenet")
    >>> {name: maps.shape for name, maps in net.output.items()}
    {'stride_8': (None, 28, 28, 40), 'stride_16': (None, 14, 14, 112),
     'stride_32': (None, 7, 7, 1280)}
    """
    kind = modalities.find(modality)
    height, width, channels = input_shape
    if channels == modalities.find("rgb").channels:
        channels = kind.channels
    if channels != kind.channels:
        raise ValueError(
            f"Expected input_shape with {kind.channels} channels, those of modality="
            f"{modality!r}. Received: {input_shape}."
        )
    common = dict(weights=weights or None, input_shape=(height, width, channels))
    if name in BACKBONES:
        # The network knows the mean of RGB that its weights were trained with.
        mean = {} if modality == "rgb" else {"mean": kind.mean}
        if (noted := read_mean(weights)) is not None:
            mean = {"mean": noted}
        return BACKBONES[name].build(**common, **{**mean, **options})
    if modality != "rgb" or options:
        raise ValueError(
            f"Expected modality='rgb' and no options for {name!r}, a network of "
            f"another library. Received: modality={modality!r}, {options}."
        )
    return pyramids.pyramid(name, known=tuple(BACKBONES), **common)


def is_name(name):
    """Whether `create` knows a name: one of the table or of another library."""
    return name in BACKBONES or pyramids.is_name(name)


def levels_of(backbone):
    """The maps of a backbone that OFF is taken of.

    Args:
        backbone: a model from images to a dict of maps.

    Returns:
        A tuple of three tuples of names, fine to coarse.

    Raises:
        ValueError: if the maps are those of no entry of the table and not three.
    """
    names = tuple(backbone.output)
    for entry in BACKBONES.values():
        if entry.levels and {tap for taps in entry.levels for tap in taps} <= {*names}:
            return entry.levels
    if len(names) == 3:
        return tuple((name,) for name in names)
    raise ValueError(
        "Expected `levels`: three tuples of names of the backbone's maps, fine to "
        f"coarse. Its maps: {', '.join(names)}."
    )
