"""Feature generation networks: each returns its pyramid as a dict."""

from offkeras.backbones.bn_inception import BNInception
from offkeras.backbones.create import BACKBONES, Backbone, create, is_name, levels_of
from offkeras.backbones.efficientnet_lite import EfficientNetLite
from offkeras.backbones.feature_pyramid import FeaturePyramid
from offkeras.backbones.resnet import ResNet
from offkeras.backbones.tiny_resnet import TinyResNet

__all__ = [
    "BACKBONES",
    "BNInception",
    "Backbone",
    "EfficientNetLite",
    "FeaturePyramid",
    "ResNet",
    "TinyResNet",
    "create",
    "is_name",
    "levels_of",
]
