"""Training scripts, one a task."""

import os

# The scripts speak for themselves. TensorFlow reads this when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
