"""ImageNet VID and DET in their official layout.

root/
  ImageSets/*.txt                                  lists, see `read_image_set`
  Data/VID/<video>/000000.JPEG ...                 Annotations/VID/<video>/000000.xml
  Data/DET/<still>.JPEG                            Annotations/DET/<still>.xml

Any videos in this layout will do: `classes` says what their objects are called.
"""

import collections
import collections.abc
import itertools
import os
import re

import numpy as np

from offkeras.data.detection.annotation import read_annotation
from offkeras.data.detection.classes import IMAGENET_VID_CLASSES
from offkeras.data.detection.images import check_image
from offkeras.data.detection.videos import AnnotatedFrame, DetectionVideos, Video
from offkeras.data.parallel import in_threads
from offkeras.storage import limits
from offkeras.storage import remote as storage

MAX_FRAMES = 2**22  # that a list may name; the longest of ImageNet names 1.1 million


def load_imagenet_vid(
    root,
    image_sets,
    *,
    classes=IMAGENET_VID_CLASSES,
    keep_empty=False,
    on_error="raise",
):
    """Reads the lists and the annotations they name, and checks every file.

    Checked are the XML and the image header of every key frame, and that every
    frame of their videos exists.

    Args:
        root: folder that holds ImageSets, Data and Annotations; also a remote one
            that can be listed, see `storage`.
        image_sets: names of lists, such as `["VID_train_15frames",
            "DET_train_30classes"]` to train and `["VID_val_videos"]` to evaluate.
        classes: dict of the names in the XML and the names to show, in the order
            of the classes, see `read_classes`. Objects of other names are left out.
        keep_empty: whether to keep frames without an object of these classes: not
            to train on, but to evaluate on, since all that is detected there is wrong.
        on_error: `"raise"`, or `"skip"` to leave out frames whose own files are at
            fault and videos that lack a frame, and list the problems in `skipped`.

    Returns:
        A `DetectionVideos`; video names are those of the lists.

    Raises:
        ValueError: if a list is wrong or files are: one error that names them all.
    """
    limits.check_on_error(on_error)
    root = storage.connect(root)
    positions = collections.defaultdict(list)  # of a video's key frames
    videos, owners = {}, {}  # a video, and the list that names it
    for image_set in image_sets:
        for name, position, length in read_image_set(root, image_set):
            if name not in videos:
                videos[name] = _video(root, image_set, name, length)
            if owners.setdefault(name, image_set) != image_set:
                raise ValueError(
                    f"{name} is in two lists, {owners[name]} and {image_set}."
                )
            positions[name].append(position)
    labels = {name: label for label, name in enumerate(classes)}

    def read(name):
        problems = _missing_frames(videos[name], _list_path(root, owners[name]))
        if problems:
            return problems
        return [_read_frame(root, videos[name], p, labels) for p in positions[name]]

    results = [result for results in in_threads(read, videos) for result in results]
    problems = [result for result in results if isinstance(result, str)]
    if problems and on_error == "raise":
        raise ValueError(
            f'{len(problems)} problem(s) in {root} (on_error="skip" leaves them out):\n'
            + limits.listing(problems)
        )
    frames = [result for result in results if not isinstance(result, str)]
    if not keep_empty:
        frames = [frame for frame in frames if len(frame.classes)]
    if not frames:
        raise ValueError(
            f"No frame of {', '.join(image_sets)} in {root} has an object of the "
            f"{len(classes)} classes."
        )
    return DetectionVideos(
        class_names=tuple(classes.values()),
        frames=tuple(frames),
        skipped=tuple(problems),
    )


def read_image_set(root, name):
    """Reads a list of key frames, `ImageSets/<name>.txt`.

    Its name says what its lines hold, and what they make key frames:

    - `DET*`: a still and 1; the still.
    - `VID*_videos`: a video, the number of its first frame in the whole list, 0
      and its length; every frame.
    - `VID*_frames`: video/frame and its number in the whole list; this frame.
    - other `VID*`: a video, 1, a frame and the length; this frame.

    Args:
        root: folder that holds ImageSets.
        name: of the list, without its suffix.

    Returns:
        A list of `(video, position, length)` for each key frame.

    Raises:
        ValueError: if the list is missing or empty or a line is wrong, names a
            path outside the folders of the data or a frame that an earlier line
            has named: one error for all lines.
    """
    kind = _kind(name)
    path = _list_path(root, name)
    if storage.size(path) is None:
        raise ValueError(f"Expected a list of frames in {path}. Found no such file.")
    pattern, example, key_frames = LINES[kind]
    entries, problems, lengths = {}, [], {}
    for number, line in limits.read_lines(path):
        fields = re.fullmatch(pattern, line)
        where = f"line {number} of {path}"
        if not fields:
            problems.append(
                f"Expected {where} to look like '{example}'. Received: {line!r}."
            )
            continue
        video, positions, length = key_frames(*fields.groups())
        if not limits.is_inside(video):
            problems.append(f"{where} names a path outside the data: {video!r}.")
        elif kind != "frames" and lengths.setdefault(video, length) != length:
            problems.append(
                f"{where} gives {video} {length} frames, an earlier line "
                f"{lengths[video]}."
            )
        elif len(entries) + len(positions) > MAX_FRAMES:
            problems.append(f"{where}: the list names more than {MAX_FRAMES} frames.")
        elif len(positions) and positions[-1] >= length:
            problems.append(f"{where} names a frame that {video} does not have.")
        elif not len(positions) or (video, positions[0]) in entries:
            problems.append(f"{where} names no new frame.")
        else:
            entries.update({(video, position): length for position in positions})
            lengths[video] = max(length, lengths.get(video, 0))
    if problems or not entries:
        raise ValueError(limits.listing(problems).strip() or f"{path} names no frame.")
    return [(video, position, lengths[video]) for video, position in entries]


def _list_path(root, name):
    return storage.join(root, "ImageSets", f"{name}.txt")


def _kind(name):
    if name.startswith("DET"):
        return "stills"
    if not name.startswith("VID"):
        raise ValueError(
            f"Expected the name of a list to begin with VID or DET. Received: {name!r}."
        )
    kind = name.rpartition("_")[2]
    return kind if kind in ("videos", "frames") else "sampled"


# Kind of list -> pattern of a line, an example, and what its fields mean: the
# video, the positions of its key frames, its length as far as the line tells.
LINES = {
    "stills": (
        r"(\S+)\s+\d+",
        "train/n02672831/n02672831_11478 1",
        lambda still: (still, [0], 1),
    ),
    "videos": (
        r"(\S+)\s+\d+\s+0\s+(\d{1,7})",
        "val/ILSVRC2015_val_00000000 1 0 464",
        lambda video, length: (video, range(int(length)), int(length)),
    ),
    "frames": (
        r"(\S+)/(\d{6})\s+\d+",
        "val/ILSVRC2015_val_00000000/000000 1",
        lambda video, frame: (video, [int(frame)], int(frame) + 1),
    ),
    "sampled": (
        r"(\S+)\s+\d+\s+(\d{1,7})\s+(\d{1,7})",
        "train/ILSVRC2015_train_00000000 1 10 300",
        lambda video, frame, length: (video, [int(frame)], int(length)),
    ),
}


def sampled_positions(length, count=15):
    """Positions of key frames as in VID_train_15frames.

    The middles of `count` equal parts of the video; all frames of a shorter one.

    Args:
        length: frames in the video.
        count: key frames wanted.

    Returns:
        A list of positions.
    """
    if length < count:
        return list(range(length))
    return [int((i + 0.5) * length / count) for i in range(count)]


class NumberedImages(collections.abc.Sequence):
    """Paths of the frames in a folder: 000000.JPEG, 000001.JPEG, ...

    Args:
        folder: path of the folder.
        length: number of frames.
    """

    def __init__(self, folder, length):
        self.folder = folder
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, position):
        if not 0 <= position < self.length:
            raise IndexError(position)
        return f"{self.folder}/{position:06}.JPEG"


def _video(root, image_set, name, length):
    if image_set.startswith("DET"):
        return Video(name, (storage.join(root, "Data/DET", f"{name}.JPEG"),))
    return Video(name, NumberedImages(storage.join(root, "Data/VID", name), length))


def _missing_frames(video, list_path):
    """A sentence for each frame of a video that is not in its folder."""
    if not isinstance(video.images, NumberedImages):
        return []  # a still has one frame, which is looked at anyway
    try:
        present = set(storage.names(video.images.folder))
    except FileNotFoundError:
        return [f"{video.images.folder} is missing, but {list_path} names it."]
    missing = (
        f"{image} is missing."
        for image in video.images
        if os.path.basename(image) not in present
    )
    return list(itertools.islice(missing, limits.MAX_PROBLEMS))


def _read_frame(root, video, position, labels):
    """The key frame, or a sentence that names the file at fault."""
    image = video.images[position]
    name = image.removeprefix(storage.join(root, "Data/")).removesuffix(".JPEG")
    xml = storage.join(root, "Annotations", f"{name}.xml")
    for path in (image, xml):
        if problem := limits.link_problem(root, path):
            return problem
    try:
        annotation = read_annotation(xml)
    except ValueError as error:
        return str(error)
    problem = check_image(image, annotation.size)
    if problem:
        return problem
    known = [name in labels for name in annotation.names]
    return AnnotatedFrame(
        video=video,
        position=position,
        size=annotation.size,
        boxes=annotation.boxes[known].reshape(-1, 4),
        classes=np.array(
            [labels[n] for n in annotation.names if n in labels], np.int32
        ),
        tracks=annotation.tracks[known],
    )
