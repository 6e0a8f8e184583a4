"""Annotated videos in one JSON file: COCO with videos, as mmtracking has it.

    {"videos": [{"id", "name"}],
     "images": [{"id", "video_id", "frame_id", "file_name", "width", "height"}],
     "annotations": [{"id", "image_id", "category_id", "instance_id", "bbox"}],
     "categories": [{"id", "name"}]}

`frame_id` counts the frames of a video from 0; `bbox` is x, y, width, height in
pixels. Other keys are passed over.
"""

import collections
import itertools
import os

import numpy as np

from offkeras.data.detection.annotation import clip_boxes
from offkeras.data.detection.imagenet_vid import sampled_positions
from offkeras.data.detection.images import check_image
from offkeras.data.detection.videos import AnnotatedFrame, DetectionVideos, Video
from offkeras.data.parallel import in_threads
from offkeras.storage import limits
from offkeras.storage import remote as storage

LARGEST = 1 << 62  # any number above is a mistake

# Section -> its keys and their types. A bool is no number here.
SCHEMA = {
    "videos": {"id": int, "name": str},
    "images": {
        "id": int,
        "video_id": int,
        "frame_id": int,
        "file_name": str,
        "width": int,
        "height": int,
    },
    "annotations": {
        "id": int,
        "image_id": int,
        "category_id": int,
        "instance_id": int,
        "bbox": list,
    },
    "categories": {"id": int, "name": str},
}


def load_coco_vid(
    annotations,
    image_root,
    *,
    class_names=None,
    frames_per_video=None,
    keep_empty=False,
    on_error="raise",
):
    """Reads annotated videos and checks every image they name.

    Args:
        annotations: path of the JSON file, at most 1 GiB; also a remote one, see
            `storage`, as the folder.
        image_root: folder that every `file_name` starts from.
        class_names: names of categories in the order of the classes; objects of
            others are left out. Default: all categories, by id.
        frames_per_video: key frames of each video, see `sampled_positions`; 15 to
            train as on ImageNet VID. Default: every frame.
        keep_empty: whether to keep frames without an object of these classes: not
            to train on, but to evaluate on, since all that is detected there is wrong.
        on_error: `"raise"`, or `"skip"` to leave out the videos of which an image is
            missing, broken or of another size, and list these images in `skipped`.

    Returns:
        A `DetectionVideos`.

    Raises:
        ValueError: if the file is too large, no such JSON, or images are missing or
            of another size: one error that names all entries and files.
    """
    limits.check_on_error(on_error)
    if frames_per_video is not None and frames_per_video < 1:
        raise ValueError(
            f"Expected frames_per_video of at least 1. Received: {frames_per_video}."
        )
    path, image_root = storage.connect(annotations), storage.connect(image_root)
    content = _read_json(path)
    problems = _find_problems(content)
    if problems:
        raise _error(path, problems)
    names = {c["id"]: c["name"] for c in sorted(content["categories"], key=_by_id)}
    class_names = tuple(class_names or names.values())
    unknown = set(class_names) - set(names.values())
    if unknown:
        raise ValueError(
            f"Expected class_names to be categories of {path}, {list(names.values())}. "
            f"Received: {sorted(unknown)}."
        )
    objects = {image["id"]: [] for image in content["images"]}
    for item in content["annotations"]:
        if names[item["category_id"]] in class_names:
            objects[item["image_id"]].append(item)
    images = {video["id"]: [] for video in content["videos"]}
    for image in sorted(content["images"], key=lambda image: image["frame_id"]):
        images[image["video_id"]].append(image)

    def check(image):
        size = image["height"], image["width"]
        file = os.path.join(image_root, image["file_name"])
        return limits.link_problem(image_root, file) or check_image(file, size)

    checked = in_threads(check, content["images"])
    problems = [problem for problem in checked if problem]
    if problems and on_error == "raise":
        raise _error(path, problems)
    broken = {
        image["video_id"]
        for image, problem in zip(content["images"], checked, strict=True)
        if problem
    }

    frames = []
    for entry in content["videos"]:
        if entry["id"] in broken:
            continue
        members = images[entry["id"]]
        files = tuple(os.path.join(image_root, image["file_name"]) for image in members)
        video = Video(entry["name"], files)
        count = frames_per_video or len(members)
        for position in sampled_positions(len(members), count):
            image = members[position]
            found = objects[image["id"]]
            if found or keep_empty:
                labels = [class_names.index(names[o["category_id"]]) for o in found]
                frames.append(_frame(video, position, image, found, labels))
    if not frames:
        raise ValueError(f"No frame of {path} has an object of {class_names}.")
    return DetectionVideos(class_names, tuple(frames), tuple(problems))


def _frame(video, position, image, objects, labels):
    size = image["height"], image["width"]
    return AnnotatedFrame(
        video=video,
        position=position,
        size=size,
        boxes=np.array([_box(o, size) for o in objects], np.float32).reshape(-1, 4),
        classes=np.array(labels, np.int32),
        tracks=np.array([o["instance_id"] for o in objects], np.int64),
    )


def _box(item, size):
    x, y, width, height = item["bbox"]
    return clip_boxes(np.float32([x, y, x + width, y + height]), size)


def _by_id(entry):
    return entry["id"]


def _error(path, problems):
    return ValueError(
        f"{len(problems)} problem(s) in {path}:\n{limits.listing(problems)}"
    )


def _read_json(path):
    size = storage.size(path)
    if size is None:
        raise ValueError(f"Expected annotations in {path}. Found no such file.")
    if size > limits.MAX_JSON:
        raise ValueError(f"{path} has {size} bytes, more than {limits.MAX_JSON}.")
    content = limits.parse_json(path, storage.read_bytes(path))
    if not isinstance(content, dict):
        raise ValueError(f"Expected {path} to hold a JSON object.")
    return content


def _find_problems(content):
    """A sentence for each entry that breaks the schema, refers to nothing, ..."""
    problems = (
        problem
        for section, keys in SCHEMA.items()
        for problem in _schema_problems(section, keys, content.get(section))
    )
    # Not all of very many: a file can name more than fit into memory.
    problems = list(itertools.islice(problems, limits.MAX_PROBLEMS))
    if problems:
        return problems
    ids = {name: {entry["id"] for entry in content[name]} for name in SCHEMA}
    sizes = {
        image["id"]: (image["height"], image["width"]) for image in content["images"]
    }
    for image in content["images"]:
        where = f"images, id {image['id']}:"
        if image["video_id"] not in ids["videos"]:
            problems.append(f"{where} there is no video {image['video_id']}.")
        name = image["file_name"]
        if not limits.is_inside(name):
            problems.append(f"{where} file_name {name!r:.80} leads outside the data.")
        if min(image["width"], image["height"]) < 1:
            problems.append(f"{where} an image needs a positive width and height.")
    for item in content["annotations"]:
        where = f"annotations, id {item['id']}:"
        if item["image_id"] not in ids["images"]:
            problems.append(f"{where} there is no image {item['image_id']}.")
        elif item["category_id"] not in ids["categories"]:
            problems.append(f"{where} there is no category {item['category_id']}.")
        elif item.get("iscrowd"):
            problems.append(f"{where} crowds (iscrowd) are no objects with a track.")
        else:
            problems += _box_problems(where, item, sizes[item["image_id"]])
    problems += _name_problems("videos", content["videos"])
    problems += _name_problems("categories", content["categories"])
    return problems + _number_problems(content)


def _schema_problems(section, keys, entries):
    if not isinstance(entries, list):
        yield f"Expected a list under {section!r}."
        return
    seen = set()
    for position, entry in enumerate(entries):
        where = f"{section}[{position}]"
        if not isinstance(entry, dict):
            yield f"Expected {where} to be an object. Received: {_shown(entry)}."
            continue
        for key, type_ in keys.items():
            value = entry.get(key)
            known = isinstance(value, type_) and not isinstance(value, bool)
            if not known or (type_ is int and abs(value) > LARGEST):
                yield (
                    f"Expected {where} to have a {key!r} of type {type_.__name__}. "
                    f"Received: {_shown(value)}."
                )
        identity = entry.get("id")
        if isinstance(identity, int) and identity in seen:
            yield f"{where} has the id {identity} of an earlier entry."
        seen.add(identity if isinstance(identity, int) else None)


def _shown(value):
    """A value in few characters; the text of a list may be deep and long."""
    if isinstance(value, (list, dict)):
        return f"{type(value).__name__} of {len(value)}"
    return f"{value!r:.80}"


def _box_problems(where, item, size):
    box = item["bbox"]
    numbers = [v for v in box if type(v) in (int, float) and abs(v) < LARGEST]
    if len(box) != 4 or len(numbers) != 4:
        return [f"{where} bbox must be four numbers. Received: {_shown(box)}."]
    x1, y1, x2, y2 = _box(item, size)
    if not (x2 > x1 and y2 > y1):
        return [f"{where} bbox {box} has no area in its image."]
    return []


def _name_problems(section, entries):
    counts = collections.Counter(entry["name"] for entry in entries)
    return [
        f"{section}: the name {name!r} occurs {count} times."
        for name, count in counts.items()
        if count > 1
    ]


def _number_problems(content):
    """Videos whose frames are not numbered 0, 1, 2, ..."""
    numbers = {video["id"]: [] for video in content["videos"]}
    for image in content["images"]:
        numbers.get(image["video_id"], []).append(image["frame_id"])
    return [
        f"videos, id {video}: expected the frame_id of its images to count 0, 1, 2, "
        f"... Received: {sorted(members_of)[:8]}."
        for video, members_of in numbers.items()
        if sorted(members_of) != list(range(len(members_of)))
    ]
