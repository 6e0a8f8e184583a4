"""Feature generation networks: each returns its pyramid as a dict."""

from offkeras.backbones.bn_inception import BNInception

__all__ = ["BNInception"]
