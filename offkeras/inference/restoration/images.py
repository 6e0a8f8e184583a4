"""Restores a folder of images."""

import pathlib

from offkeras.inference.restoration.frames import restore_sources, split_picture
from offkeras.inference.restoration.videos import read_source
from offkeras.inference.sources import find_images, image_extras
from offkeras.storage.writing import written_whole


def restore_images(
    folder,
    output,
    model,
    *,
    tile=None,
    strength=1.0,
    worth=None,
    split=False,
    done=None,
):
    """Writes the restored images of a folder, as PNG files of the same names.

    Colour profiles and transparency stay as they were. The new folder appears under
    its name only once it is complete.

    Args:
        folder: folder of images, see `iterate_source`.
        output: folder to make.
        model: a `DnCNN` or an `OFFArtifactRemover`.
        tile: see `restore`.
        strength: see `restore`.
        worth: see `restore`. Images tell no quantiser.
        split: see `restore_file`.
        done: see `restore_file`.

    Returns:
        The number of images.

    Raises:
        VideoError: see `iterate_source`; also if a colour profile cannot be kept.
        ValueError: if `output` exists, or two images differ in their suffix alone.
    """
    output = pathlib.Path(output)
    paths = find_images(folder)
    names = [f"{path.stem}.png" for path in paths]
    if len(set(names)) < len(names):
        raise ValueError(f"Expected images of {folder} to differ before the dot.")
    if output.exists():
        raise ValueError(f"Expected `output` to be a new folder. Received: {output}.")
    for path in paths:  # restoring takes long: before it, all that cannot be kept
        image_extras(path)
    with written_whole(output) as partial:
        partial.mkdir()
        options = dict(tile=tile, strength=strength, worth=worth)
        pairs = restore_sources(read_source(folder), model, **options)
        stream = zip(paths, pairs, strict=True)
        for count, (path, (source, restored)) in enumerate(stream, start=1):
            image = split_picture(source.rgb, restored) if split else restored
            _save_image(partial / f"{path.stem}.png", image, image_extras(path))
            if done:
                done(count)
    return count


def _save_image(path, array, extras):
    import PIL.Image

    image = PIL.Image.fromarray(array)
    if extras.is_grey:
        image = image.convert("L")
    if extras.alpha is not None:
        image.putalpha(PIL.Image.fromarray(extras.alpha))
    image.save(path, icc_profile=extras.profile)
