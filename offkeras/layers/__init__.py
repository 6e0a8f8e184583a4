"""Keras layers of the OFF network."""

from offkeras.layers.bottleneck_block import BottleneckBlock
from offkeras.layers.detection.add_upsampled import AddUpsampled
from offkeras.layers.detection.detections import Detections
from offkeras.layers.detection.proposals import Proposals
from offkeras.layers.detection.ps_roi_pooling import PSRoIPooling
from offkeras.layers.fold_time import FoldTime
from offkeras.layers.gradients import Gradients
from offkeras.layers.motion.difference_fusion import DifferenceFusion
from offkeras.layers.motion.long_term_difference import LongTermDifference
from offkeras.layers.motion.motion_excitation import MotionExcitation
from offkeras.layers.motion.motion_squeeze import MotionSqueeze
from offkeras.layers.motion.short_term_difference import ShortTermDifference
from offkeras.layers.motion.temporal_convolution import TemporalConvolution
from offkeras.layers.off import OFF
from offkeras.layers.residual_block import ResidualBlock
from offkeras.layers.se_bottleneck_block import SEBottleneckBlock
from offkeras.layers.segment_consensus import SegmentConsensus
from offkeras.layers.spatial_gradient import SpatialGradient
from offkeras.layers.temporal_difference import TemporalDifference
from offkeras.layers.unfold_time import UnfoldTime

__all__ = [
    "OFF",
    "AddUpsampled",
    "BottleneckBlock",
    "Detections",
    "DifferenceFusion",
    "FoldTime",
    "Gradients",
    "LongTermDifference",
    "MotionExcitation",
    "MotionSqueeze",
    "PSRoIPooling",
    "Proposals",
    "ResidualBlock",
    "SEBottleneckBlock",
    "SegmentConsensus",
    "ShortTermDifference",
    "SpatialGradient",
    "TemporalConvolution",
    "TemporalDifference",
    "UnfoldTime",
]
