import pytest

from offkeras.data import IMAGENET_VID_CLASSES, load_imagenet_vid, read_classes
from offkeras.data.detection.imagenet_vid import (
    NumberedImages,
    read_image_set,
    sampled_positions,
)
from tests.support.vid_miniature import (
    CAR,
    PERSON,
    write_frame,
    write_image,
    write_list,
    write_miniature,
)

NAMES = tuple(IMAGENET_VID_CLASSES.values())


@pytest.fixture
def root(tmp_path):
    return write_miniature(tmp_path / "ILSVRC2015")


def found(data):
    """Key frames as `video position`."""
    return [f"{frame.video.name} {frame.position}" for frame in data.frames]


def test_the_classes():
    assert len(NAMES) == len(set(NAMES)) == 30
    assert list(NAMES) == sorted(NAMES)  # as the official list has them
    assert (NAMES[0], NAMES[6], NAMES[29]) == ("airplane", "car", "zebra")


def test_training_frames(root):
    data = load_imagenet_vid(root, ["VID_train_15frames", "DET_train_30classes"])
    long = [f"train/long {t}" for t in (0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15)]
    long += [f"train/long {t}" for t in (16, 18, 19)]
    # Frame 1 of the short video is empty.
    short = ["train/short 0", "train/short 2"]
    assert found(data) == [*long, *short, "train/n1/still 0"]
    assert data.class_names == NAMES
    assert data.skipped == ()

    car = data.frames[1]
    assert car.boxes.tolist() == [[2, 5, 23, 26]]
    assert car.classes.tolist() == [NAMES.index("car")]
    assert car.tracks.tolist() == [0]
    assert car.video.images[2] == f"{root}/Data/VID/train/long/000002.JPEG"
    assert len(car.video.images) == 20
    dog = data.frames[15]  # and a person, who is none of the 30 classes
    assert dog.boxes.tolist() == [[0, 10, 60, 40]]
    assert dog.classes.tolist() == [NAMES.index("dog")]
    still = data.frames[-1]
    assert still.size == (80, 100)
    assert still.video.images == (f"{root}/Data/DET/train/n1/still.JPEG",)
    assert still.classes.tolist() == [NAMES.index("dog"), NAMES.index("car")]
    assert still.tracks.tolist() == [-1, -1]


@pytest.mark.parametrize("image_set", ["VID_val_videos", "VID_val_frames"])
def test_evaluation_frames(root, image_set):
    data = load_imagenet_vid(root, [image_set], keep_empty=True)
    assert found(data) == ["val/one 0", *(f"val/two {t}" for t in range(4))]
    assert [len(frame.classes) for frame in data.frames] == [0, 1, 2, 2, 2]
    assert data.frames[0].boxes.shape == (0, 4)
    assert [len(frame.video.images) for frame in data.frames] == [1, 4, 4, 4, 4]


def test_own_classes(root, tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text(f"{PERSON} a person\n{CAR} car\n")
    data = load_imagenet_vid(root, ["VID_train_15frames"], classes=read_classes(path))
    assert data.class_names == ("a person", "car")
    assert data.frames[0].classes.tolist() == [1]
    assert data.frames[-1].classes.tolist() == [0]
    assert data.frames[-1].boxes.tolist() == [[1, 1, 2, 2]]


@pytest.mark.parametrize("text", ["car\n", "a b\na c\n", "a b\nc \n"])
def test_a_wrong_list_of_classes_is_named(tmp_path, text):
    path = tmp_path / "classes.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"line . of {path} to be a new name"):
        read_classes(path)
    path.write_text("")
    with pytest.raises(ValueError, match=f"{path} names no class"):
        read_classes(path)


def test_sampled_positions():
    assert sampled_positions(300) == list(range(10, 300, 20))
    assert sampled_positions(15) == list(range(15))
    assert sampled_positions(3) == [0, 1, 2]
    assert sampled_positions(7, 2) == [1, 5]


def test_numbered_images():
    images = NumberedImages("a", 3)
    assert list(images) == ["a/000000.JPEG", "a/000001.JPEG", "a/000002.JPEG"]
    with pytest.raises(IndexError):
        images[-1]


def test_all_problems_are_reported_together_and_by_name(root):
    data = root / "Data/VID/train/long"
    xmls = root / "Annotations/VID/train/long"
    (data / "000019.JPEG").unlink()  # a key frame
    (data / "000001.JPEG").unlink()  # a reference
    (root / "Data/VID/train/short/000000.JPEG").write_bytes(b"no image")
    write_image(root / "Data/DET/train/n1/still.JPEG", size=(80, 90))
    with pytest.raises(ValueError) as error:
        load_imagenet_vid(root, ["VID_train_15frames", "DET_train_30classes"])
    message = str(error.value)
    assert message.startswith(f"4 problem(s) in {root}")
    assert f"{data}/000019.JPEG is missing." in message
    assert f"{data}/000001.JPEG is missing." in message
    assert "short/000000.JPEG is not a readable JPEG" in message
    assert "still.JPEG to be 100x80 pixels, as annotated. Received: 90x80" in message

    write_image(data / "000001.JPEG")
    write_image(data / "000019.JPEG")
    (xmls / "000000.xml").write_text("<annotation>")
    (xmls / "000002.xml").unlink()
    write_frame(root, "VID/train/long/000003", [(CAR, 0, (9, 9, 8, 8))])
    with pytest.raises(ValueError) as error:
        load_imagenet_vid(root, ["VID_train_15frames"])
    message = str(error.value)
    assert f"{xmls}/000000.xml is broken XML" in message
    assert f"{xmls}/000002.xml cannot be read: No such file" in message
    assert f"{xmls}/000003.xml has a box without area" in message

    skipping = load_imagenet_vid(root, ["VID_train_15frames"], on_error="skip")
    assert found(skipping)[:2] == ["train/long 4", "train/long 6"]
    assert len(skipping.skipped) == 4
    assert len(skipping) == 12 + 1


def test_a_missing_folder_is_one_problem(root):
    (root / "Data/VID/val/two").rename(root / "Data/VID/val/moved")
    with pytest.raises(ValueError, match="(?s)1 problem.*val/two is missing, but"):
        load_imagenet_vid(root, ["VID_val_videos"], keep_empty=True)


@pytest.mark.parametrize(
    "name, lines, message",
    [
        ("VID_train_15frames", ["train/a 1 0"], "line 1 .* to look like 'train/ILSVRC"),
        ("VID_train_15frames", ["a 1 3 3"], "names a frame that a does not have"),
        ("VID_train_15frames", ["a 1 0 3", "a 1 1 4"], "gives a 4 frames, .* 3"),
        ("VID_train_15frames", ["a 1 0 3", "a 1 0 3"], "line 2 .* names no new frame"),
        ("VID_train_15frames", ["../a 1 0 3"], "outside the data: '../a'"),
        ("VID_val_videos", ["a/../../b 1 0 3"], "outside the data: 'a/../../b'"),
        ("VID_val_videos", ["a 1 0 0"], "names no new frame"),
        ("VID_val_videos", ["a 1 5 9"], "to look like 'val/ILSVRC2015_val_0"),
        ("VID_val_frames", ["/etc/000001 1"], "outside the data: '/etc'"),
        ("VID_val_frames", ["a/one 1"], "to look like 'val/ILSVRC2015_val_00000000/0"),
        ("DET_train", ["/etc/passwd 1"], "outside the data: '/etc/passwd'"),
        ("DET_train", ["a"], "to look like 'train/n02672831"),
        ("DET_train", [], "names no frame"),
    ],
)
def test_a_wrong_list_is_named(tmp_path, name, lines, message):
    write_list(tmp_path, name, *lines)
    with pytest.raises(ValueError, match=message) as error:
        read_image_set(tmp_path, name)
    assert f"{name}.txt" in str(error.value)


def test_all_wrong_lines_are_reported(tmp_path):
    write_list(tmp_path, "DET_train", "a", "../b 1", "c 1")
    with pytest.raises(ValueError, match="(?s)line 1 of.*line 2 of"):
        read_image_set(tmp_path, "DET_train")


def test_wrong_arguments(root):
    with pytest.raises(ValueError, match="begin with VID or DET. Received: 'train'"):
        load_imagenet_vid(root, ["train"])
    with pytest.raises(ValueError, match="VID_test.txt. Found no such file"):
        load_imagenet_vid(root, ["VID_test"])
    with pytest.raises(ValueError, match="on_error .* Received: 'ignore'"):
        load_imagenet_vid(root, ["VID_val_videos"], on_error="ignore")
    with pytest.raises(ValueError, match="val/one is in two lists, VID_val_videos and"):
        load_imagenet_vid(root, ["VID_val_videos", "VID_val_frames"])
    with pytest.raises(ValueError, match="No frame of VID_val_videos .* 1 classes"):
        load_imagenet_vid(root, ["VID_val_videos"], classes={"n0": "nothing"})


def test_lengths_of_sampled_lists_of_frames(tmp_path):
    """A list of some frames knows the length as far as the highest of them."""
    write_list(tmp_path, "VID_some_frames", "a/000004 1", "a/000002 2", "b/000000 3")
    entries = read_image_set(tmp_path, "VID_some_frames")
    assert entries == [("a", 4, 5), ("a", 2, 5), ("b", 0, 1)]
