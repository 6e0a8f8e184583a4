import copy
import json

import pytest

from offkeras.data import load_coco_vid
from tests.support.vid_miniature import write_image

ENTRY = {"width": 60, "height": 40}
CONTENT = {
    "videos": [{"id": 1, "name": "street"}, {"id": 4, "name": "yard"}],
    "images": [
        # In no order.
        {"id": 12, "video_id": 1, "frame_id": 1, "file_name": "s/b.jpg", **ENTRY},
        {"id": 11, "video_id": 1, "frame_id": 0, "file_name": "s/a.jpg", **ENTRY},
        {"id": 13, "video_id": 1, "frame_id": 2, "file_name": "s/c.jpg", **ENTRY},
        {"id": 14, "video_id": 4, "frame_id": 0, "file_name": "y.jpg", **ENTRY},
    ],
    "annotations": [
        {
            "id": 1,
            "image_id": 11,
            "category_id": 9,
            "instance_id": 5,
            "bbox": [1.5, 2, 10, 20],
            "iscrowd": False,
        },
        {
            "id": 2,
            "image_id": 13,
            "category_id": 3,
            "instance_id": 6,
            "bbox": [-5, 30, 100, 100],
        },
    ],
    "categories": [{"id": 9, "name": "car"}, {"id": 3, "name": "dog"}],
}


@pytest.fixture
def write(tmp_path):
    """Writes the images and the JSON, changed by a function."""

    def write(change=None):
        for image in CONTENT["images"]:
            write_image(tmp_path / "images" / image["file_name"])
        content = copy.deepcopy(CONTENT)
        if change:
            change(content)
        path = tmp_path / "videos.json"
        path.write_text(json.dumps(content))
        return path, tmp_path / "images"

    return write


def test_frames_boxes_and_tracks(write):
    path, images = write()
    data = load_coco_vid(path, images, keep_empty=True)
    assert data.class_names == ("dog", "car")  # by id
    found = [(frame.video.name, frame.position) for frame in data.frames]
    assert found == [("street", 0), ("street", 1), ("street", 2), ("yard", 0)]
    files = tuple(f"{images}/s/{name}.jpg" for name in "abc")
    assert data.frames[1].video.images == files
    first, empty, last, _ = data.frames
    assert first.boxes.tolist() == [[1.5, 2, 11.5, 22]]
    assert (first.classes.tolist(), first.tracks.tolist()) == ([1], [5])
    assert empty.boxes.shape == (0, 4)
    assert last.boxes.tolist() == [[0, 30, 60, 40]]  # clipped
    assert (last.classes.tolist(), last.size) == ([0], (40, 60))


def test_options(write):
    arguments = write()
    assert [f.position for f in load_coco_vid(*arguments).frames] == [0, 2]
    cars = load_coco_vid(*arguments, class_names=("car",))
    assert (cars.class_names, cars.frames[0].classes.tolist()) == (("car",), [0])
    assert len(cars) == 1
    middle = load_coco_vid(*arguments, frames_per_video=1, keep_empty=True)
    assert [f.position for f in middle.frames] == [1, 0]
    with pytest.raises(ValueError, match="frames_per_video .* Received: 0"):
        load_coco_vid(*arguments, frames_per_video=0)
    with pytest.raises(ValueError, match=r"\['dog', 'car'\]. Received: \['cat'\]"):
        load_coco_vid(*arguments, class_names=("cat",))


def change(section, position, **values):
    def apply(content):
        content[section][position].update(values)

    return apply


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c.pop("videos"), "Expected a list under 'videos'"),
        (lambda c: c["images"].append(3), r"images\[4\] to be an object. Received: 3"),
        (
            lambda c: c["images"][0].pop("frame_id"),
            r"images\[0\] to have a 'frame_id' of type int. Received: None",
        ),
        (change("images", 1, id=12), r"images\[1\] has the id 12 of an earlier entry"),
        (change("images", 1, width=True), r"'width' of type int. Received: True"),
        (change("images", 1, width=0), "images, id 11: .* positive width"),
        (change("images", 1, video_id=7), "images, id 11: there is no video 7"),
        (change("images", 1, file_name="../a.jpg"), "'../a.jpg' leads outside"),
        (change("images", 1, file_name="/etc/a.jpg"), "'/etc/a.jpg' leads outside"),
        (change("images", 1, frame_id=1), r"videos, id 1: .* Received: \[1, 1, 2\]"),
        (change("images", 2, frame_id=20), r"videos, id 1: .* Received: \[0, 1, 20\]"),
        (change("videos", 1, name="street"), "videos: the name 'street' occurs 2"),
        (change("categories", 1, name="car"), "categories: the name 'car' occurs 2"),
        (change("annotations", 0, image_id=99), "id 1: there is no image 99"),
        (change("annotations", 0, category_id=99), "id 1: there is no category 99"),
        (change("annotations", 0, iscrowd=1), "id 1: crowds"),
        (change("annotations", 0, bbox=[1, 2, 3]), "id 1: bbox must be four numbers"),
        (change("annotations", 0, bbox=[1, 2, 3, "4"]), "bbox must be four numbers"),
        (change("annotations", 0, bbox=[1, 2, 3, 1e400]), "bbox must be four numbers"),
        (change("annotations", 0, bbox=[1, 2, 3, 10**99]), "bbox must be four"),
        (change("annotations", 0, bbox=[1, 2, 0, 5]), "id 1: bbox .* has no area"),
        (change("annotations", 0, bbox=[70, 2, 5, 5]), "id 1: bbox .* has no area"),
        (change("annotations", 0, instance_id=10**30), "'instance_id' of type int"),
    ],
)
def test_a_wrong_entry_is_named(write, change, message):
    path, images = write(change)
    with pytest.raises(ValueError, match=message) as error:
        load_coco_vid(path, images)
    assert str(path) in str(error.value)


def test_all_problems_are_reported_together(write):
    def break_two(content):
        content["images"][0]["video_id"] = 8
        content["annotations"][0]["bbox"] = []

    path, images = write(break_two)
    with pytest.raises(ValueError, match="(?s)no video 8.*four numbers"):
        load_coco_vid(path, images)


def test_missing_images_and_wrong_sizes_are_reported_together(write):
    path, images = write()
    (images / "s/b.jpg").unlink()
    write_image(images / "y.jpg", size=(40, 50))
    with pytest.raises(ValueError) as error:
        load_coco_vid(path, images)
    assert f"{images}/s/b.jpg is missing" in str(error.value)
    assert f"{images}/y.jpg to be 60x40 pixels" in str(error.value)


def test_files_that_are_no_json(tmp_path):
    path = tmp_path / "videos.json"
    with pytest.raises(ValueError, match="videos.json. Found no such file"):
        load_coco_vid(path, tmp_path)
    for text in ("{", "[" * 100_000):
        path.write_text(text)
        with pytest.raises(ValueError, match="videos.json is broken JSON"):
            load_coco_vid(path, tmp_path)
    path.write_text("[]")
    with pytest.raises(ValueError, match="videos.json to hold a JSON object"):
        load_coco_vid(path, tmp_path)
    with open(path, "wb") as file:
        file.truncate((1 << 30) + 1)  # takes no room on the disk
    with pytest.raises(ValueError, match="more than 1073741824"):
        load_coco_vid(path, tmp_path)


def test_a_video_with_a_broken_image_is_skipped(write):
    path, images = write()
    (images / "s/b.jpg").unlink()
    with pytest.raises(ValueError, match=r"1 problem.*\n.*s/b.jpg is missing"):
        load_coco_vid(path, images, keep_empty=True)
    data = load_coco_vid(path, images, keep_empty=True, on_error="skip")
    assert [frame.video.name for frame in data.frames] == ["yard"]
    (problem,) = data.skipped
    assert problem.endswith("s/b.jpg is missing.")
    with pytest.raises(ValueError, match="on_error to be 'raise' or 'skip'"):
        load_coco_vid(path, images, on_error="ignore")
