"""Video data: decode, sample, augment, batch."""

import lazy_loader

from offkeras.video import VideoError, iterate_frames, probe, read_frames, write_video

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["VideoError", "iterate_frames", "probe", "read_frames", "write_video"]
