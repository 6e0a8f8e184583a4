"""Keras layers of the OFF network."""

from offkeras.layers.off import OFF, SpatialGradient, TemporalDifference
from offkeras.layers.residual import BottleneckBlock, ResidualBlock
from offkeras.layers.time import FoldTime, SegmentConsensus, UnfoldTime

__all__ = [
    "OFF",
    "BottleneckBlock",
    "FoldTime",
    "ResidualBlock",
    "SegmentConsensus",
    "SpatialGradient",
    "TemporalDifference",
    "UnfoldTime",
]
