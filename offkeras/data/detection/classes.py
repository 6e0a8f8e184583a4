"""What the objects of ImageNet VID are called, and those of other videos."""

from pathlib import Path

from offkeras.storage.limits import read_lines
from offkeras.storage.writing import write_text

# Name in the XML (WordNet id) -> name to show, in the order of the classes.
IMAGENET_VID_CLASSES = {
    "n02691156": "airplane",
    "n02419796": "antelope",
    "n02131653": "bear",
    "n02834778": "bicycle",
    "n01503061": "bird",
    "n02924116": "bus",
    "n02958343": "car",
    "n02402425": "cattle",
    "n02084071": "dog",
    "n02121808": "domestic_cat",
    "n02503517": "elephant",
    "n02118333": "fox",
    "n02510455": "giant_panda",
    "n02342885": "hamster",
    "n02374451": "horse",
    "n02129165": "lion",
    "n01674464": "lizard",
    "n02484322": "monkey",
    "n03790512": "motorcycle",
    "n02324045": "rabbit",
    "n02509815": "red_panda",
    "n02411705": "sheep",
    "n01726692": "snake",
    "n02355227": "squirrel",
    "n02129604": "tiger",
    "n04468005": "train",
    "n01662784": "turtle",
    "n04530566": "watercraft",
    "n02062744": "whale",
    "n02391049": "zebra",
}


def read_classes(path):
    """Reads a list of classes: a name in the XML and a name to show on each line.

    Args:
        path: path of a text file; the second name may have spaces.

    Returns:
        Dict of the names, in the order of the classes.

    Raises:
        ValueError: if the file is missing or empty, or a line is not like that or
            names a class again.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"Expected a list of classes in {path}. Found no such file.")
    classes = {}
    for number, line in read_lines(path):
        name, _, shown = line.partition(" ")
        if not shown or name in classes:
            raise ValueError(
                f"Expected line {number} of {path} to be a new name and a name to "
                f"show. Received: {line!r}."
            )
        classes[name] = shown.strip()
    if not classes:
        raise ValueError(f"{path} names no class.")
    return classes


def write_classes(path, classes):
    """Writes a list of classes, see `read_classes`."""
    lines = [f"{name} {shown}\n" for name, shown in classes.items()]
    write_text(path, "".join(lines))
