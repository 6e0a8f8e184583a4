import itertools
import shutil

import cv2
import numpy as np
import pytest

from offkeras.data.restoration import septuplet_files
from offkeras.data.restoration.septuplets import Septuplets
from tests.support import streams

CLIPS = ["00001/0001", "00001/0002", "00002/0001"]


def frame(folder, clip, number, height=24, width=32):
    """A frame whose pixels say which one it is: clip, number, x + y."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = 10 * CLIPS.index(clip) + (100 if folder == "sequences" else 0)
    image[..., 1] = number
    image[..., 2] = np.arange(height)[:, None] * 5 + np.arange(width)
    return image


@pytest.fixture
def root(tmp_path):
    """A miniature of Vimeo-90K, written by another library."""
    for folder in ("sequences", "jpeg2000_q40"):
        for clip in CLIPS:
            (tmp_path / folder / clip).mkdir(parents=True)
            for number in range(1, 8):
                path = tmp_path / folder / clip / f"im{number}.png"
                cv2.imwrite(str(path), frame(folder, clip, number)[..., ::-1])
    (tmp_path / "sep_trainlist.txt").write_text("00001/0001\n00002/0001\n\n")
    (tmp_path / "sep_testlist.txt").write_text("00001/0002")
    return tmp_path


def make(root, **options):
    return Septuplets.open(root, **{"degraded": "jpeg2000_q40"} | options)


def batches(dataset):
    return [tuple(np.asarray(part) for part in batch) for batch in dataset]


def test_lists(root):
    assert septuplet_files.read_list(root, "train") == ["00001/0001", "00002/0001"]
    assert septuplet_files.read_list(root, "test") == ["00001/0002"]
    septuplet_files.write_list(root, "extra", CLIPS)
    assert septuplet_files.read_list(root, "extra") == CLIPS


@pytest.mark.parametrize(
    "text, message",
    [
        ("00001/0001\n00001 0002\n", "line 2 of .*sep_badlist.txt.*'00001 0002'"),
        ("../../etc\n", "line 1 of .*'../../etc'"),
        ("\n", "sep_badlist.txt names no clip"),
    ],
)
def test_a_bad_line_is_named(root, text, message):
    (root / "sep_badlist.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        septuplet_files.read_list(root, "bad")


def test_a_missing_list_is_named(root):
    with pytest.raises(ValueError, match="sep_validationlist.txt. Found no such file"):
        make(root, split="validation")


@pytest.mark.parametrize("num_frames, numbers", [(1, [4]), (2, [3, 4]), (3, [3, 4, 5])])
def test_the_4th_frame_and_its_neighbours(root, num_frames, numbers):
    data = make(root, split="test", num_frames=num_frames)
    assert len(data) == 1
    ((frames, target),) = batches(data.evaluate())
    expected = [frame("jpeg2000_q40", "00001/0002", number) for number in numbers]
    np.testing.assert_array_equal(frames[0], expected)
    np.testing.assert_array_equal(target[0], frame("sequences", "00001/0002", 4))


@pytest.mark.parametrize("in_memory", [False, True])
def test_an_epoch_visits_every_target_and_crops_frames_alike(root, in_memory):
    data = make(root, targets=(2, 3, 4, 5, 6), in_memory=in_memory)
    assert len(data) == 10
    dataset = streams.train(data, batch_size=4, crop=8, crops_per_frame=2, epochs=2)
    assert dataset.element_spec[0].shape == (4, 3, 8, 8, 3)
    assert dataset.element_spec[1].shape == (4, 8, 8, 3)
    assert data.steps_per_epoch(4, crops_per_frame=2) == 5
    corners = set()
    for epoch in (batches(dataset.take(5)), batches(dataset.skip(5))):
        seen = []
        for frames, target in epoch:
            for clip, clean in zip(frames, target, strict=True):
                number = int(clean[0, 0, 1])
                # Neighbours, all of one clip, all at the place of the target.
                np.testing.assert_array_equal(
                    clip[:, 0, 0, 1], [number - 1, number, number + 1]
                )
                assert (clip[..., 0] == clean[0, 0, 0] - 100).all()
                assert (clip[..., 2] == clean[..., 2]).all()
                seen.append((int(clip[0, 0, 0, 0]), number))
                corners.add(int(clean[0, 0, 2]))
        expected = [(c, n) for c in (0, 20) for n in range(2, 7)] * 2
        assert sorted(seen) == sorted(expected)
        assert seen != sorted(seen)
    assert len(corners) > 20


def test_random_crops_reach_every_corner(root):
    data = make(root)
    dataset = streams.train(data, batch_size=2, crop=23, epochs=200)
    corners = [target[:, 0, 0, 2] for _, target in batches(dataset)]
    found = set(np.concatenate(corners).tolist())
    # Two rows of room and ten columns: 5 y + x.
    assert found == {5 * y + x for y in range(2) for x in range(10)}


def test_training_is_a_function_of_seed_epoch_and_index(root):
    data = make(root, targets=(3, 4, 5))
    options = dict(batch_size=2, crop=8, epochs=4)
    whole = batches(streams.train(data, **options))
    tail = batches(streams.train(data, initial_epoch=2, **options))
    assert len(whole) == 12
    for a, b in zip(whole[6:], tail, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])
    other = batches(streams.train(data, seed=1, **options))
    assert any((a[1] != b[1]).any() for a, b in zip(whole, other, strict=True))


def test_a_part_of_every_batch(root):
    data = make(root, targets=(3, 4, 5))
    options = dict(batch_size=3, crop=8, epochs=2)
    whole = batches(streams.train(data, **options))
    part = batches(streams.train(data, **options, worker_slice=(1, 3)))
    assert len(whole) == len(part) == 4
    for a, b in zip(whole, part, strict=True):
        np.testing.assert_array_equal(a[0][1:], b[0])
        np.testing.assert_array_equal(a[1][1:], b[1])


def test_whole_frames(root):
    ((frames, target),) = batches(streams.train(make(root), batch_size=2))
    assert frames.shape == (2, 3, 24, 32, 3)
    assert target.shape == (2, 24, 32, 3)


def spoil_missing_folder(root):
    (root / "sep_trainlist.txt").write_text("00001/0001\n00009/0001\n")
    return "sequences/00009/0001 is missing, but its list names it"


def spoil_missing_file(root):
    (root / "jpeg2000_q40/00002/0001/im3.png").unlink()
    return "jpeg2000_q40/00002/0001/im3.png is missing"


def spoil_cut_file(root):
    path = root / "sequences/00002/0001/im4.png"
    path.write_bytes(path.read_bytes()[:-20])
    return "sequences/00002/0001/im4.png is cut off"


def spoil_empty_file(root):
    (root / "sequences/00002/0001/im4.png").write_bytes(b"")
    return "sequences/00002/0001/im4.png is not a readable PNG"


def spoil_grey_file(root):
    path = root / "sequences/00002/0001/im4.png"
    cv2.imwrite(str(path), np.zeros((24, 32), np.uint8))
    return "sequences/00002/0001/im4.png is not an 8-bit RGB"


def spoil_size(root):
    path = root / "jpeg2000_q40/00001/0001/im5.png"
    cv2.imwrite(str(path), np.zeros((24, 30, 3), np.uint8))
    return "jpeg2000_q40/00001/0001/im5.png to be 32x24 pixels. Received: 30x24"


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_missing_folder,
        spoil_missing_file,
        spoil_cut_file,
        spoil_empty_file,
        spoil_grey_file,
        spoil_size,
    ],
)
def test_bad_input_is_reported_by_name_before_training(root, spoil):
    message = spoil(root)
    with pytest.raises(ValueError, match=message):
        make(root)
    folder = "sequences" if "sequences" in message else "jpeg2000_q40"
    clips = septuplet_files.read_list(root, "train")
    problems = septuplet_files.find_problems(root, clips, folder=folder)
    assert len(problems) == 1 and message in problems[0]


def test_the_official_size_can_be_demanded(root):
    with pytest.raises(ValueError, match="to be 448x256 pixels. Received: 32x24"):
        make(root, size=septuplet_files.VIMEO_SIZE)
    make(root, size=(24, 32))


def test_a_file_damaged_in_the_middle_is_named_when_it_is_read(root):
    path = root / "sequences/00001/0002/im4.png"
    content = bytearray(path.read_bytes())
    content[60:70] = b"\xff" * 10
    path.write_bytes(content)
    data = make(root, split="test")
    with pytest.raises(Exception, match="im4.png is a damaged PNG"):
        batches(data.evaluate())


def test_clean_and_degraded_sizes_must_agree(root):
    for number in range(1, 8):
        path = root / f"jpeg2000_q40/00001/0002/im{number}.png"
        cv2.imwrite(str(path), np.zeros((24, 30, 3), np.uint8))
    with pytest.raises(Exception, match="sequences/00001/0002/im4.png to be 30x24"):
        batches(make(root, split="test").evaluate())


def test_a_crop_larger_than_the_frame_is_refused(root):
    dataset = streams.train(make(root), batch_size=1, crop=25)
    with pytest.raises(Exception, match="hold a crop of 25 pixels. Received: 32x24"):
        batches(dataset)


def test_clips_are_written_whole_and_read_back(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (7, 5, 6, 3)).astype("uint8")
    septuplet_files.write_clip(tmp_path / "sequences/a/1", frames)
    assert [p.name for p in (tmp_path / "sequences/a").iterdir()] == ["1"]
    found = septuplet_files.read_clip(tmp_path, "sequences", "a/1")
    np.testing.assert_array_equal(found, frames)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"num_frames": 4}, "`num_frames` must be 1, 2 or 3. Received: 4"),
        ({"targets": (1,)}, r"`targets` must be among 2..6.*\(1,\)"),
        ({"targets": ()}, "`targets`"),
        ({"degraded": "jpeg2000_q20"}, "jpeg2000_q20/00001/0001 is missing"),
    ],
)
def test_errors(root, options, message):
    with pytest.raises(ValueError, match=message):
        make(root, **options)


def test_a_batch_larger_than_an_epoch_is_refused(root):
    with pytest.raises(ValueError, match="batch_size in 1..2, .*Received: 3"):
        streams.train(make(root), batch_size=3)


def test_augmented_samples_are_the_16_symmetries(root):
    data = make(root, split="test")
    ((frames, target),) = batches(data.evaluate())
    frames, target = frames[0, :, :24, :24], target[0, :24, :24]
    expected = {}
    for forward, mirrored, turns in itertools.product((True, False), (0, 1), range(4)):
        images = [*(frames if forward else frames[::-1]), target]
        images = [image[:, ::-1] if mirrored else image for image in images]
        images = np.stack([np.rot90(image, turns) for image in images])
        expected[images.tobytes()] = forward, mirrored, turns
    assert len(expected) == 16

    # One place for a crop of the whole height: its width varies, the corner says where.
    found = set()
    dataset = streams.train(data, batch_size=1, crop=24, augment=True, epochs=1500)
    for clip, clean in batches(dataset):
        images = np.concatenate([clip[0], clean])
        offset = int(images[-1, ..., 2].min())
        images[..., 2] -= offset  # the crop at the left edge has 5 y + x
        found.add(expected[images.tobytes()])
    assert found == set(expected.values())


def test_augmenting_needs_squares_and_keeps_the_order_of_two_frames(root):
    with pytest.raises(ValueError, match="`crop` with `augment`.*crop=None"):
        streams.train(make(root), batch_size=1, augment=True)
    data = make(root, split="test", num_frames=2)
    dataset = streams.train(data, batch_size=1, crop=8, augment=True, epochs=50)
    for clip, _ in batches(dataset):
        assert clip[0, :, 0, 0, 1].tolist() == [3, 4]


def test_several_copies_and_lists(root):
    shutil.copytree(root / "jpeg2000_q40", root / "h264_q33")
    path = root / "h264_q33/00001/0002/im4.png"
    cv2.imwrite(str(path), 255 - cv2.imread(str(path)))
    copies = ["jpeg2000_q40", "h264_q33"]
    data = make(root, degraded=copies, split=["train", "test"], num_frames=1)
    one = {
        (copy, split): batches(
            make(root, degraded=copy, split=split, num_frames=1).evaluate()
        )
        for copy in copies
        for split in ("train", "test")
    }
    expected = [
        sample
        for copy in copies
        for split in ("train", "test")
        for sample in one[copy, split]
    ]
    samples = batches(data.evaluate())
    assert len(samples) == len(data) == 6
    for sample, other in zip(samples, expected, strict=True):
        np.testing.assert_array_equal(sample[0], other[0])
        np.testing.assert_array_equal(sample[1], other[1])
    assert (samples[2][0] != samples[5][0]).any()
