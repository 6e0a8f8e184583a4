"""Keras layers of the OFF network."""

from offkeras.layers.detections import Detections
from offkeras.layers.off import OFF, SpatialGradient, TemporalDifference
from offkeras.layers.proposals import Proposals
from offkeras.layers.ps_roi_pooling import PSRoIPooling
from offkeras.layers.residual import BottleneckBlock, ResidualBlock, SEBottleneckBlock
from offkeras.layers.time import FoldTime, SegmentConsensus, UnfoldTime

__all__ = [
    "OFF",
    "BottleneckBlock",
    "Detections",
    "FoldTime",
    "PSRoIPooling",
    "Proposals",
    "ResidualBlock",
    "SEBottleneckBlock",
    "SegmentConsensus",
    "SpatialGradient",
    "TemporalDifference",
    "UnfoldTime",
]
