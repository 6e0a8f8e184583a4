"""Optical Flow guided Features for video, in Keras."""

import sys

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# Keras finds the layers of a saved model where they are imported already.
if "keras" in sys.modules:
    from offkeras import layers as layers
