"""The headers of image files, which say their size before memory is taken."""

import contextlib

from offkeras.video.container import MAX_PIXELS


@contextlib.contextmanager
def open_image(file, *formats):
    """Opens an image and looks at its header alone.

    Args:
        file: path, or binary file that can seek.
        *formats: those to accept, such as `"JPEG"`. Default: any.

    Yields:
        The `PIL.Image.Image`, not decoded, of at most `MAX_PIXELS` pixels.

    Raises:
        ValueError: if it is no such image, or too large. The message goes on after
            the name of the file.
    """
    from PIL import Image

    try:
        image = Image.open(file, formats=formats or None)
    except Image.DecompressionBombError as error:
        raise ValueError(f"has more than {MAX_PIXELS} pixels.") from error
    except (OSError, SyntaxError, ValueError) as error:
        wanted = f"{' or '.join(formats)} image" if formats else "image"
        raise ValueError(f"is not a readable {wanted}.") from error
    with image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ValueError(f"has {width}x{height} pixels, more than {MAX_PIXELS}.")
        yield image
