"""The image files of annotated frames."""

import tensorflow as tf


def read_image(path, size):
    """Reads a JPEG or PNG image of a known size.

    Args:
        path: path of the file.
        size: `(height, width)` that it must have.

    Returns:
        uint8 RGB array `(height, width, 3)`.

    Raises:
        ValueError: if the file is missing, damaged or of another size.
    """
    try:
        data = tf.io.read_file(str(path))
        # As accurate as other decoders; this operation decodes PNG too.
        image = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
        image = image.numpy()
    except (tf.errors.NotFoundError, tf.errors.InvalidArgumentError) as error:
        raise ValueError(f"{path} is not a readable image: {error.message}") from error
    if image.shape[:2] != tuple(size):
        raise ValueError(
            f"Expected {path} to be {size[1]}x{size[0]} pixels, as annotated. "
            f"Received: {image.shape[1]}x{image.shape[0]}."
        )
    return image


def check_image(path, size):
    """Looks at the header of an image, without decoding it.

    Args:
        path: path of the file.
        size: `(height, width)` that it must have.

    Returns:
        A sentence that names the file and its problem, or None.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            width, height = image.size
    except FileNotFoundError:
        return f"{path} is missing."
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError):
        return f"{path} is not a JPEG or PNG image."
    if (height, width) != tuple(size):
        return (
            f"Expected {path} to be {size[1]}x{size[0]} pixels, as annotated. "
            f"Received: {width}x{height}."
        )
    return None
