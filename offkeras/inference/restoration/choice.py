"""Which of the restorers that come along is for a video."""

from offkeras.inference.sources import probe_source
from offkeras.inference.trained import model_names, trained_model

RESTORER = "model"  # the kind, see `trained_model`


def restorer_for(source):
    """Finds the shipped restorer of a video's codec.

    Args:
        source: a video file, see `iterate_source`.

    Returns:
        A `TrainedModel`: the one whose `quantisers` name the codec.

    Raises:
        ValueError: if there is none.
        VideoError: if the video cannot be read.

    Example:

    ```python
    trained = restorer_for("old.avi")
    restore_file("old.avi", "new.mp4", trained.load())
    ```
    """
    codec = probe_source(source).codec
    names = model_names((RESTORER,))
    for name in names:
        trained = trained_model(name, RESTORER)
        if codec in trained.defaults.get("quantisers", ()):
            return trained
    raise ValueError(
        f"{source}: no model that comes along is for {codec}. Expected --model of "
        f"one's own, or one of {', '.join(names)}, which learned from other codecs."
    )
