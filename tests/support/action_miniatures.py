"""Miniatures of UCF-101 and HMDB-51 in the official layouts, and of class folders.

Four classes: a texture that moves right, left, down or up, so that one frame tells
nothing and motion everything. Clips of a group show the same texture.
"""

import zlib
from pathlib import Path

import av
import cv2
import numpy as np

from offkeras import data

HEIGHT, WIDTH = 48, 64
UCF_CLASSES = ("Archery", "BabyCrawling", "JumpRope", "YoYo")
HMDB_CLASSES = ("brush_hair", "catch", "sit", "wave")
HMDB_FILMS = ("April 09", "Crash;#2", "me@home!", "50_FIRST_DATES (1)")
SIDES = ("left", "right")
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1))  # x, y


def write_video(path, *, direction=(1, 0), speed=2, num_frames=24, texture=0):
    """Encodes a moving texture: MPEG-4 in AVI, as both datasets have it."""
    rng = np.random.default_rng(texture)
    noise = rng.integers(0, 256, (HEIGHT // 4, WIDTH // 4, 3), dtype=np.uint8)
    noise = noise.repeat(4, 0).repeat(4, 1)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        stream.bit_rate = 2_000_000
        for i in range(num_frames):
            x, y = (speed * i * d for d in direction)
            frame = av.VideoFrame.from_ndarray(np.roll(noise, (y, x), (0, 1)), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_ucf101(root, *, groups=4, clips=2):
    """Writes `root/UCF-101` and `root/ucfTrainTestlist`; split N tests group N.

    Returns:
        Folder of the videos and folder of the lists.
    """
    videos, lists = Path(root, "UCF-101"), Path(root, "ucfTrainTestlist")
    lists.mkdir(parents=True)
    names = []  # (group, label, name)
    for label, class_name in enumerate(UCF_CLASSES):
        for group in range(1, groups + 1):
            for clip in range(1, clips + 1):
                stem = f"v_{class_name}_g{group:02}_c{clip:02}"
                name = f"{class_name}/{stem}.avi"
                names.append((group, label, name))
                _write_clip(videos / name, label, texture=group)
    rows = [f"{i + 1} {name}" for i, name in enumerate(UCF_CLASSES)]
    _write_lines(lists / "classInd.txt", rows)
    for split in (1, 2, 3):
        train = [f"{name} {label + 1}" for g, label, name in names if g != split]
        test = [name for g, _, name in names if g == split]
        _write_lines(lists / f"trainlist0{split}.txt", train)
        _write_lines(lists / f"testlist0{split}.txt", test)
    return videos, lists


def write_hmdb51(root):
    """Writes `root/hmdb51_org` and `root/testTrainMulti_7030_splits`.

    Each class has two clips of four films; split N tests film N, and the second clip
    of the last film is in neither part.

    Returns:
        Folder of the videos and folder of the lists.
    """
    videos = Path(root, "hmdb51_org")
    lists = Path(root, "testTrainMulti_7030_splits")
    lists.mkdir(parents=True)
    for label, class_name in enumerate(HMDB_CLASSES):
        clips = []  # (film, clip, file)
        for film, title in enumerate(HMDB_FILMS, start=1):
            for clip in (0, 1):
                file = f"{title}_{class_name}_u_cm_np1_fr_goo_{clip}.avi"
                clips.append((film, clip, file))
                _write_clip(videos / class_name / file, label, texture=film)
        for split in (1, 2, 3):
            rows = []
            for film, clip, file in clips:
                flag = 2 if film == split else int((film, clip) != (4, 1))
                rows.append(f"{file} {flag} ")  # the official lists end in a blank
            _write_lines(lists / f"{class_name}_test_split{split}.txt", rows)
    return videos, lists


def _write_clip(path, label, texture):
    """A clip of 20 to 40 frames; its name decides the length."""
    num_frames = 20 + zlib.crc32(path.name.encode()) % 21
    write_video(
        path, direction=DIRECTIONS[label], num_frames=num_frames, texture=texture
    )


def _write_lines(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines))


def write_sides(root, count):
    """Class folders of `count` smooth textures each that move left and right."""
    rng = np.random.default_rng(0)
    for name in SIDES:
        (root / name).mkdir(parents=True)
        for i in range(count):
            texture = rng.integers(0, 256, (12, 60, 3), np.uint8)
            wide = cv2.resize(texture, (480, 96), interpolation=cv2.INTER_CUBIC)
            starts = range(0, 120, 4) if name == "left" else range(120, 0, -4)
            frames = [wide[:, x : x + 128] for x in starts]
            data.write_video(root / name / f"{i}.mp4", frames, fps=25)
    return root
