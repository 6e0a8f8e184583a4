"""Models in folders that travel: the file layout of keras-hub, and its addresses."""

from offkeras.presets.files import (
    is_preset,
    load,
    read_config,
    save,
)
from offkeras.presets.hub import fetch, is_address, upload

__all__ = [
    "fetch",
    "is_address",
    "is_preset",
    "load",
    "read_config",
    "save",
    "upload",
]
