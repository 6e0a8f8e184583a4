"""Feature generation networks: each returns its pyramid as a dict."""

from offkeras.backbones.bn_inception import BNInception
from offkeras.backbones.resnet import ResNet
from offkeras.backbones.tiny_resnet import TinyResNet

__all__ = ["BNInception", "ResNet", "TinyResNet"]
