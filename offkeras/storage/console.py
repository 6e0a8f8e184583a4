"""What a command prints: its own words, in whatever the terminal can show."""

import logging
import os
import sys


def speak_for_itself():
    """Silences what libraries tell beside a command, and escapes what has no letter.

    Called before TensorFlow and Keras are imported, which read and tell it then.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Keras imports Matplotlib, which tells where its folder cannot be written.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A name in ASCII or of no UTF-8 must not end the work that it is told of.
            stream.reconfigure(errors="backslashreplace")
