"""The file to write when streams are copied."""

import io


def open_target(file, container, tracks):
    """An open container for streams that are copied from another.

    Args:
        file: binary file to write, which can seek.
        container: FFmpeg's name of the format.
        tracks: streams that shall be copied.
    """
    import av

    if container != "matroska" or _has_names(container, tracks):
        return av.open(file, "w", format=container)
    # Matroska holds what AVI and ASF can hold, as they do, but PyAV asks FFmpeg for
    # what Matroska has names of its own for. FFmpeg's tee takes any stream and passes
    # it on to Matroska (but not the chapters); what that refuses, is refused.
    return av.open(
        f"[f={container}]copy", "w", format="tee", io_open=lambda *arguments: file
    )


def can_hold(container, tracks):
    """Whether a container takes the streams: whether its header can be written."""
    import av

    try:
        with open_target(io.BytesIO(), container, tracks) as target:
            _add(target, tracks)
            target.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def _has_names(container, tracks):
    import av

    with av.open(io.BytesIO(), "w", format=container) as target:
        try:
            _add(target, tracks)
        except ValueError:
            return False
    return True


def _add(target, tracks):
    for track in tracks:
        target.add_stream_from_template(track)
