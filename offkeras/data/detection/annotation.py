"""The XML annotation of one frame of ImageNet VID or DET, read and written.

In a file, boxes are whole pixels whose edges are inclusive: a box of one pixel has
xmin = xmax. Everywhere else in the library the right and lower edges are exclusive,
`x2 = xmax + 1`.
"""

import dataclasses
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np

from offkeras.storage import remote as storage

MAX_BYTES = 1 << 20  # the XML files of ImageNet have a few kilobytes
MAX_DEPTH = 16  # elements within one another; ImageNet's have four
MAX_OBJECTS = 4096  # in a frame


@dataclasses.dataclass(frozen=True, eq=False)
class Annotation:
    """The objects of one frame.

    Attributes:
        size: `(height, width)` of the image.
        names: name of the class of each object, in ImageNet a WordNet id.
        boxes: float32 `(objects, 4)`, x1, y1, x2, y2 in pixels.
        tracks: int64 `(objects,)`: objects of a video with one id are one object.
            -1 for stills, which have none.
    """

    size: tuple
    names: tuple
    boxes: np.ndarray
    tracks: np.ndarray


def read_annotation(path):
    """Reads an annotation; boxes are clipped to the image.

    The file may have no document type: so it can declare no entity, and none is
    expanded.

    Args:
        path: path of an XML file of at most 1 MiB.

    Returns:
        An `Annotation`.

    Raises:
        ValueError: if the file is missing, too large or no such XML, or a box has
            no area in the image.
    """
    root = _parse(path)
    size = root.find("size")
    height, width = (_integer(path, size, side) for side in ("height", "width"))
    if min(height, width) < 1:
        raise ValueError(f"{path} has an image of {width}x{height} pixels.")
    objects = root.findall("object")
    if len(objects) > MAX_OBJECTS:
        raise ValueError(f"{path} has more than {MAX_OBJECTS} objects.")
    boxes = np.array(
        [
            [_number(path, item.find("bndbox"), edge) for edge in EDGES]
            for item in objects
        ],
        np.float32,
    ).reshape(-1, 4)
    boxes[:, 2:] += 1
    clipped = clip_boxes(boxes, (height, width))
    for box, kept in zip(boxes, clipped, strict=True):
        if not (kept[2:] > kept[:2]).all():
            raise ValueError(
                f"{path} has a box without area in its image of {width}x{height} "
                f"pixels: xmin, ymin, xmax, ymax = {(box - [0, 0, 1, 1]).tolist()}."
            )
    tracks = [
        -1 if item.find("trackid") is None else _integer(path, item, "trackid")
        for item in objects
    ]
    return Annotation(
        size=(height, width),
        names=tuple(_text(path, item, "name") for item in objects),
        boxes=clipped,
        tracks=np.array(tracks, np.int64),
    )


EDGES = ("xmin", "ymin", "xmax", "ymax")


def clip_boxes(boxes, size):
    """Boxes `(N, 4)` clipped to an image of `size` `(height, width)`."""
    height, width = size
    return np.clip(boxes, 0, np.float32([width, height, width, height]))


def write_annotation(path, annotation, *, folder, speeds=None):
    """Writes the annotation of a frame of a video.

    Args:
        path: path of the file.
        annotation: an `Annotation` whose boxes are whole pixels.
        folder: name of the video.
        speeds: of each object, in pixels per frame; ImageNet has no such element,
            and readers pass over it. Default: none.
    """
    height, width = annotation.size
    root = ElementTree.Element("annotation")
    _add(root, folder=folder, filename=Path(path).stem)
    _add(ElementTree.SubElement(root, "size"), width=width, height=height)
    rows = zip(annotation.names, annotation.boxes, annotation.tracks, strict=True)
    for number, (name, box, track) in enumerate(rows):
        item = ElementTree.SubElement(root, "object")
        _add(item, trackid=track, name=name)
        if speeds is not None:
            _add(item, speed=f"{speeds[number]:.3f}")
        inclusive = (box - [0, 0, 1, 1]).astype(int)
        edges = dict(zip(EDGES, inclusive, strict=True))
        _add(ElementTree.SubElement(item, "bndbox"), **edges)
    ElementTree.indent(root)
    Path(path).write_bytes(ElementTree.tostring(root))


def _add(element, **texts):
    for name, text in texts.items():
        ElementTree.SubElement(element, name).text = str(text)


def _parse(path):
    """Root element of a file without a document type."""

    def refuse(*declaration):
        raise ValueError(
            f"{path} declares a document type, through which XML can expand "
            "entities; annotations have none."
        )

    try:
        with storage.open_file(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > MAX_BYTES:
        raise ValueError(f"{path} has more than {MAX_BYTES} bytes.")
    builder = ElementTree.TreeBuilder()
    depth = 0

    def start(name, attributes):
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"{path} has more than {MAX_DEPTH} elements in another.")
        builder.start(name, attributes)

    def end(name):
        nonlocal depth
        depth -= 1
        builder.end(name)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(f"{path} is broken XML: {error}.") from error
    return builder.close()


def _text(path, element, name):
    text = None if element is None else element.findtext(name)
    if not (text and text.strip()):
        raise ValueError(f"{path} lacks a <{name}>.")
    return text.strip()


def _number(path, element, name):
    text = _text(path, element, name)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise ValueError(
            f"Expected a number in <{name}> of {path}. Received: {text:.80}."
        )
    return value


def _integer(path, element, name):
    value = _number(path, element, name)
    if value != int(value) or abs(value) > 1 << 31:
        raise ValueError(
            f"Expected a whole number in <{name}> of {path}. Received: {value}."
        )
    return int(value)
