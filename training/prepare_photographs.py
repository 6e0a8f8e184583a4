"""Photographs of Debian's wallpapers, to train on and to test on.

    python -m training.prepare_photographs --out datasets/photographs

Needs Debian or a system made from it: `apt-get download` fetches five packages, which
are not installed. Their licences are in the packages (Creative Commons and GPL); models
are trained on the pictures, none is passed on.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import cv2

PACKAGES = (
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
    "mate-backgrounds",
    "plasma-workspace-wallpapers",
)
# Beginnings of the names of what was photographed: the packages hold drawings too.
TRAIN = (
    *("Aqua", "Blinds", "Bridge", "ColdRipple", "Dune", "Elephants", "FallenLeaf"),
    *("FreshFlower", "GreenMeadow", "Grey", "Kite", "Kleiber", "LadyBird"),
    *("OneStandsOut", "Path", "Picture_1A", "RainDrops", "Storm", "TwoWings"),
    *("Volna", "Wood", "YellowFlower", "aitzgorri", "free", "friends", "greentock"),
    *("life", "seeding", "sunset"),
)
TEST = (
    *("BytheWater", "ColorfulCups", "Dragonfly", "EveningGlow", "Garden"),
    *("Picture_0B", "Wine", "picosdeeuropa"),
)
LONGER_SIDE = 1920


def main(argv=None):
    """Writes `train/*.jpg` and `test/*.jpg`."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, default=Path("datasets/photographs"))
    out = parser.parse_args(argv).out
    with tempfile.TemporaryDirectory() as folder:
        command = ["apt-get", "-o", "APT::Sandbox::User=root", "download", *PACKAGES]
        subprocess.run(command, cwd=folder, check=True)
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg", "-x", package.name, "."], cwd=folder, check=True)
        for part, names in (("train", TRAIN), ("test", TEST)):
            (out / part).mkdir(parents=True, exist_ok=True)
            for name in names:
                save(find(Path(folder), name), out / part / f"{name}.jpg")
            print(f"{out / part}: {len(names)} photographs")


def find(folder, name):
    """The largest file of a picture."""
    backgrounds = (folder / "usr/share/backgrounds").rglob(f"{name}*")
    wallpapers = (folder / f"usr/share/wallpapers/{name}").glob("contents/images/*")
    found = [path for path in (*backgrounds, *wallpapers) if path.is_file()]
    if not found:
        raise FileNotFoundError(f"{name}: expected a picture of this name in a package")
    return max(found, key=lambda path: path.stat().st_size)


def save(source, target):
    """Writes a picture as JPEG, scaled down to `LONGER_SIDE`."""
    picture = cv2.imread(str(source), cv2.IMREAD_COLOR)
    scale = LONGER_SIDE / max(picture.shape[:2])
    if scale < 1:
        picture = cv2.resize(
            picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
        )
    cv2.imwrite(str(target), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])


if __name__ == "__main__":
    main()
