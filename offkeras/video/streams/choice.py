"""Which of the streams of a file is its video."""

# What is no film, whatever else it is: covers, thumbnails, the picture of a chapter.
PICTURES = ("attached_pic", "timed_thumbnails", "still_image", "metadata")
# Codecs of pictures: a film may have one, but not where another stream has none.
PICTURE_CODECS = ("png", "bmp", "gif", "tiff", "webp", "mjpeg", "jpeg2000", "jpegls")


def video_stream(container):
    """The video of an open container, None where there is none.

    Of several it is the one that a player takes: the default one, else the largest,
    else the first. A cover or a track of thumbnails that the file does not call so is
    known by its single frame, or by its codec where no default one decides.
    """
    streams = [s for s in container.streams.video if not _is_picture(s)]
    return max(streams, key=_rank, default=None)


def _is_picture(stream):
    flags = type(stream.disposition)
    return any(stream.disposition & getattr(flags, name, flags(0)) for name in PICTURES)


def _rank(stream):
    context = stream.codec_context
    if context is None:  # no decoder: taken where there is no other, to be named
        return False, False, False, 0
    moves = stream.frames != 1
    is_default = bool(stream.disposition & type(stream.disposition).default)
    is_film = context.name not in PICTURE_CODECS
    return moves, is_default, is_film, context.width * context.height
