"""A miniature of ImageNet VID and DET in their official layout."""

import cv2
import numpy as np

SIZE = (40, 60)  # height, width


def write_image(path, *, seed=0, size=SIZE):
    """A JPEG of coarse noise; another seed gives another image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    image = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(path), image)


def xml(objects, *, size=SIZE):
    """An annotation as ImageNet has it; objects are (name, track, box)."""
    items = "".join(
        f"""
	<object>{f"<trackid>{track}</trackid>" if track is not None else ""}
		<name>{name}</name>
		<bndbox>
			<xmax>{box[2]}</xmax><xmin>{box[0]}</xmin>
			<ymax>{box[3]}</ymax><ymin>{box[1]}</ymin>
		</bndbox>
		<occluded>0</occluded><generated>0</generated>
	</object>"""
        for name, track, box in objects
    )
    return f"""<annotation>
	<folder>f</folder><filename>000000</filename>
	<source><database>ILSVRC_2015</database></source>
	<size><width>{size[1]}</width><height>{size[0]}</height></size>{items}
</annotation>"""


def write_frame(root, name, objects, *, seed=0, size=SIZE):
    """An image and its annotation; name is such as `VID/train/a/000000`."""
    write_image(root / "Data" / f"{name}.JPEG", seed=seed, size=size)
    path = root / "Annotations" / f"{name}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(xml(objects, size=size))


def write_list(root, name, *lines):
    """ImageSets/<name>.txt."""
    path = root / "ImageSets" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


CAR, DOG, PERSON = "n02958343", "n02084071", "n00007846"  # a person is none of the 30


def write_miniature(root):
    """Two training videos, a still, two validation videos and all their lists."""
    for t in range(20):
        car = (CAR, 0, (t, 5, t + 20, 25))
        write_frame(root, f"VID/train/long/{t:06}", [car], seed=t)
    for t in range(3):
        objects = [] if t == 1 else [(DOG, 7, (-5, 10, 70, 50)), (PERSON, 1, (1,) * 4)]
        write_frame(root, f"VID/train/short/{t:06}", objects, seed=20 + t)
    still = [(DOG, None, (3, 4, 10, 12)), (CAR, None, (0, 0, 59, 39))]
    write_frame(root, "DET/train/n1/still", still, seed=30, size=(80, 100))
    write_frame(root, "VID/val/one/000000", [], seed=31)
    for t in range(4):
        objects = [(CAR, 0, (10, 10, 30, 30)), (DOG, 1, (5 * t, 0, 5 * t + 9, 9))]
        write_frame(root, f"VID/val/two/{t:06}", objects[: 2 if t else 1], seed=32 + t)

    middles = [int((i + 0.5) * 20 / 15) for i in range(15)]
    lines = [f"train/long 1 {t} 20" for t in middles]
    lines += [f"train/short 1 {t} 3" for t in range(3)]
    write_list(root, "VID_train_15frames", *lines)
    write_list(root, "DET_train_30classes", "train/n1/still 1")
    write_list(root, "VID_val_videos", "val/one 1 0 1", "val/two 2 0 4")
    frames = ["val/one/000000 1", *(f"val/two/{t:06} {t + 2}" for t in range(4))]
    write_list(root, "VID_val_frames", *frames)
    return root
