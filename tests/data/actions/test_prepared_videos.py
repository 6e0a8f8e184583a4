import json

import numpy as np
import pytest
import tensorflow as tf

from offkeras import data, modalities
from offkeras.data import sampling
from offkeras.data.actions import shards
from offkeras.data.actions.prepared_videos import decode_segments
from offkeras.data.augment import center_crop, ten_crops
from offkeras.training.prepare import videos as prepare_videos
from tests.support import action_miniatures as miniatures
from tests.support import streams

# Vectors take the way of flow. Of what dynamic images are made is RGB.
MODALITIES = ["rgb", "rgb_diff", "flow", pytest.param("codec", marks=pytest.mark.slow)]
SIZE = 42  # stored frames are 48 high: the evaluation view needs no resizing


@pytest.fixture(scope="module")
def ucf(tmp_path_factory):
    """Folder of the shards and folder of the lists of a small UCF-101."""
    root = tmp_path_factory.mktemp("ucf")
    videos, lists = miniatures.write_ucf101(root, groups=3, clips=2)
    arguments = ["--dataset", "ucf101", "--videos", videos, "--lists", lists]
    arguments += ["--out", root / "shards", "--height", 48, "--width", 64]
    arguments += ["--flow", "dis", "--vectors", "previous"]
    arguments += ["--videos-per-shard", 5, "--workers", 1]
    prepare_videos.main([str(a) for a in arguments])
    return root / "shards", lists


@pytest.fixture(scope="module")
def train(ucf):
    return data.PreparedVideos.open(ucf[0], data.ucf101(None, ucf[1]).train)


@pytest.fixture(scope="module")
def stored(ucf):
    """Every image of every video, read by TensorFlow's own reader: name -> lists."""
    images = {}
    paths = sorted(str(path) for path in ucf[0].glob("*.tfrecord"))
    for record in tf.data.TFRecordDataset(paths).as_numpy_iterator():
        example = tf.train.SequenceExample.FromString(record)
        name = example.context.feature["name"].bytes_list.value[0].decode()
        images[name] = {
            kind: [f.bytes_list.value[0] for f in features.feature]
            for kind, features in example.feature_lists.feature_list.items()
        }
    return images


def clip_of(stored, video, starts, modality):
    """A clip as stored, `(T, H, W, C)`, by plain indexing."""
    kind = modalities.find(modality)
    lists = [stored[video.name][name] for name in kind.images]
    last = len(lists[0]) - 1
    jpegs = [
        [
            [images[min(s + k, last)] for images in lists]
            for k in range(kind.frames_per_segment)
        ]
        for s in starts
    ]
    return decode_segments(tf.constant(jpegs), kind)


def collect(dataset):
    frames, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(frames), np.concatenate(labels)


def test_open_takes_the_videos_of_a_split_in_its_order(ucf, train):
    split = data.ucf101(None, ucf[1])
    assert train.names == tuple(v.name for v in split.train)
    assert train.labels == tuple(v.label for v in split.train)
    assert train.class_names == miniatures.UCF_CLASSES
    assert (train.flow, train.vectors) == ("dis", "previous")
    assert len(train) == 16 and train.skipped == ()
    assert all(20 <= v.num_frames <= 40 and v.fps == 25 for v in train.videos)
    whole = data.PreparedVideos.open(ucf[0], verify=True)
    assert whole.names == tuple(v.name for v in split.videos)
    assert whole.labels == tuple(v.label for v in split.videos)


def test_what_is_not_prepared_is_listed_or_skipped(ucf):
    split = data.ucf101(None, ucf[1])
    absent = [data.ActionVideo(f"Archery/{i}.avi", None, 0, "g") for i in range(2)]
    wrong = data.ActionVideo(split.test[0].name, None, 2, "g")
    with pytest.raises(ValueError) as caught:
        data.PreparedVideos.open(ucf[0], [*absent, wrong, *split.train])
    message = str(caught.value)
    assert message.startswith("3 of 19 videos do not fit")
    assert "Archery/0.avi: was not prepared." in message
    assert "Archery/1.avi: was not prepared." in message
    assert f"{wrong.name}: prepared with label 0, listed with 2." in message
    videos = data.PreparedVideos.open(ucf[0], [*absent, *split.train], on_error="skip")
    assert len(videos) == 16
    assert [name for name, _ in videos.skipped] == ["Archery/0.avi", "Archery/1.avi"]
    with pytest.raises(ValueError, match="holds none of the videos"):
        data.PreparedVideos.open(ucf[0], absent, on_error="skip")
    with pytest.raises(ValueError, match="on_error to be 'raise' or 'skip'"):
        data.PreparedVideos.open(ucf[0], on_error="ignore")


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("crops", ["center", "ten"])
def test_test_clips_are_views_of_the_stored_images(modality, crops, train, stored):
    dataset = train.evaluate(
        batch_size=3, modality=modality, num_segments=4, size=SIZE, crops=crops
    )
    frames, labels = collect(dataset)
    channels = modalities.find(modality).channels
    views = (10,) if crops == "ten" else ()
    assert frames.shape == (16, *views, 4, SIZE, SIZE, channels)
    assert frames.dtype == (np.float16 if modality == "rgb_diff" else np.uint8)
    assert labels.tolist() == list(train.labels)
    for clip, video in zip(frames, train.videos, strict=True):
        length = video.num_frames - modalities.find(modality).signed
        starts = sampling.evaluation_indices(
            length, frames_per_segment=modalities.find(modality).frames_per_segment
        )[10:14]  # the middle four of 25
        whole = clip_of(stored, video, starts, modality)
        if crops == "ten":
            signed = modalities.find(modality).signed
            expected = ten_crops(whole, SIZE, signed=signed).numpy()
        else:
            expected = center_crop(whole, SIZE).numpy()
        if modality == "rgb_diff":
            expected = expected.astype(int)
            expected = expected[..., 3:] - expected[..., :-3]
        np.testing.assert_array_equal(clip, expected)


@pytest.mark.parametrize("modality", MODALITIES)
def test_training_clips_are_the_sampled_segments(modality, train, stored):
    """One scale and no flip: a clip is one of 13 places of the stored images."""
    options = dict(num_segments=3, total_segments=5)
    dataset = streams.train(
        train,
        batch_size=16,
        modality=modality,
        size=SIZE,
        scales=(SIZE / 48,),
        flip=False,
        seed=2,
        epochs=2,
        **options,
    )
    kind = modalities.find(modality)
    for epoch, (frames, labels) in enumerate(dataset.as_numpy_iterator()):
        assert frames.shape == (16, 3, SIZE, SIZE, kind.channels)
        assert sorted(labels) == sorted(train.labels)
        found = set()
        for index, video in enumerate(train.videos):
            starts = sampling.train_indices(
                video.num_frames - modalities.find(modality).signed,
                frames_per_segment=kind.frames_per_segment,
                seed=2,
                epoch=epoch,
                index=index,
                **options,
            )
            whole = clip_of(stored, video, starts, modality).numpy()
            if modality == "rgb_diff":
                whole = whole.astype(int)[..., 3:] - whole[..., :-3].astype(int)
            places = {(y, x) for y in (0, 1, 3, 4) for x in (0, 5, 15, 20)}
            places |= {(y, x) for y in (0, 2, 4) for x in (0, 10, 20)}
            crops = [whole[:, y : y + SIZE, x : x + SIZE] for y, x in places]
            for clip, label in zip(frames, labels, strict=True):
                if any(np.array_equal(clip, crop) for crop in crops):
                    assert label == video.label
                    found.add(index)
        # (48 - 42) // 4 = 1 and (64 - 42) // 4 = 5: the places above.
        assert found == set(range(16))


def test_flips_mirror_a_clip_and_its_flow(train):
    options = dict(batch_size=16, modality="flow", num_segments=2, size=SIZE, epochs=2)
    plain, _ = collect(streams.train(train, **options, flip=False))
    flipped, _ = collect(streams.train(train, **options))
    mirrored = plain[..., ::-1, :].copy()
    mirrored[..., ::2] = 255 - mirrored[..., ::2]
    is_same = (flipped == plain).all((1, 2, 3, 4))
    is_mirrored = (flipped == mirrored).all((1, 2, 3, 4))
    assert (is_same | is_mirrored).all() and 0 < is_mirrored.sum() < len(plain)


def test_a_part_of_every_batch(train):
    options = dict(batch_size=8, num_segments=2, size=28, epochs=2)
    frames, labels = collect(streams.train(train, **options))
    part = collect(streams.train(train, **options, worker_slice=(5, 8)))
    kept = np.isin(np.arange(len(frames)) % 8, [5, 6, 7])
    np.testing.assert_array_equal(part[0], frames[kept])
    np.testing.assert_array_equal(part[1], labels[kept])


def test_the_same_bits_after_a_resume(train):
    options = dict(batch_size=8, modality="rgb_diff", num_segments=2, size=28, seed=1)
    frames, labels = collect(streams.train(train, **options, epochs=3))
    assert len(frames) == 3 * 16 == 3 * 8 * train.steps_per_epoch(8)
    tail = collect(streams.train(train, **options, epochs=3, initial_epoch=2))
    np.testing.assert_array_equal(tail[0], frames[-16:])
    np.testing.assert_array_equal(tail[1], labels[-16:])
    other, _ = collect(streams.train(train, **{**options, "seed": 3}))
    assert (other != frames[:16]).any()
    released, _ = collect(streams.train(train, **options, scheme="released"))
    assert (released != frames[:16]).any()


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_a_split_never_tears_a_group_apart(fraction, ucf):
    videos = data.PreparedVideos.open(ucf[0])
    train, validation = videos.split(fraction)
    assert sorted(train.names + validation.names) == sorted(videos.names)
    groups = [{v.group for v in part.videos} for part in (train, validation)]
    assert not groups[0] & groups[1]
    for part in (train, validation):
        assert set(part.labels) == {0, 1, 2, 3}
        assert part.class_names == videos.class_names
    held_out = min(max(round(3 * fraction), 1), 2)  # of the three groups of a class
    assert [validation.labels.count(label) for label in range(4)] == [2 * held_out] * 4
    assert videos.split(fraction)[1].names == validation.names
    assert len({videos.split(fraction, seed=s)[1].names for s in range(8)}) > 1


def test_a_split_needs_two_groups(ucf):
    split = data.ucf101(None, ucf[1])
    test = data.PreparedVideos.open(ucf[0], split.test)
    with pytest.raises(
        ValueError, match="'Archery' has one group of videos, Archery/v_"
    ):
        test.split(0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        test.split(1)


def test_wrong_arguments_fail_before_the_first_batch(train):
    with pytest.raises(ValueError, match="Expected batch_size in 1..16"):
        streams.train(train, batch_size=17)
    with pytest.raises(ValueError, match="Expected num_segments in 1..25"):
        streams.train(train, batch_size=2, num_segments=26)
    with pytest.raises(ValueError, match="Expected num_segments in 1..25"):
        train.evaluate(batch_size=2, num_segments=26)
    with pytest.raises(ValueError, match="Expected scheme"):
        train.evaluate(batch_size=2, scheme="dense")
    with pytest.raises(ValueError, match="Expected crops to be 'center' or 'ten'"):
        train.evaluate(batch_size=2, crops="five")
    with pytest.raises(ValueError, match="Expected modality to be one of"):
        streams.train(train, batch_size=2, modality="depth")


@pytest.fixture
def copy(ucf, tmp_path):
    """A copy of the shards that a test may break."""
    for path in ucf[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_broken_shards_are_found_before_training(copy):
    missing, short, damaged = sorted(copy.glob("*.tfrecord"))[:3]
    missing.unlink()
    content = short.read_bytes()
    short.write_bytes(content[:-1])
    content = bytearray(damaged.read_bytes())
    content[1000] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        data.PreparedVideos.open(copy)
    message = str(caught.value)
    assert message.startswith("2 broken shard(s):")
    assert f"{missing} is missing." in message
    assert f"Expected {short} to have" in message
    with pytest.raises(ValueError, match=f"(?s)3 broken.*{damaged} is damaged"):
        data.PreparedVideos.open(copy, verify=True)


def test_an_index_that_does_not_fit_names_the_shard(copy):
    videos = data.PreparedVideos.open(copy)
    path = next(copy.glob("videos-00000*.index"))
    index = np.frombuffer(path.read_bytes(), "<i8")
    for broken in (index + 10**12, index[::-1], index - 10**12, index * 10**9):
        path.write_bytes(broken.tobytes())
        dataset = videos.evaluate(batch_size=1, num_segments=2, size=28)
        with pytest.raises(
            tf.errors.OpError, match="00000-of-.*(does not hold|is damaged)"
        ):
            next(iter(dataset))


def test_unfinished_or_foreign_folders_are_refused(copy):
    manifest = copy / shards.MANIFEST
    content = json.loads(manifest.read_text())
    for broken in ("{", "[]", "{}", json.dumps({**content, "format": "other"})):
        manifest.write_text(broken)
        with pytest.raises(ValueError, match="manifest.json is not a manifest"):
            data.PreparedVideos.open(copy)
    manifest.unlink()
    with pytest.raises(ValueError, match="Expected manifest.json in .* Found none"):
        data.PreparedVideos.open(copy)


def test_flow_and_single_frames_are_asked_for_by_name(copy):
    manifest = copy / shards.MANIFEST
    content = json.loads(manifest.read_text())
    content["shards"][0]["videos"][2]["num_frames"] = 1
    name = content["shards"][0]["videos"][2]["name"]
    manifest.write_text(json.dumps(content))
    videos = data.PreparedVideos.open(copy)
    with pytest.raises(ValueError, match=f"needs two frames. 1 videos .*{name}"):
        videos.evaluate(batch_size=1, modality="rgb_diff")
    content["options"] |= {"flow": "none", "vectors": "none"}
    content["shards"][0]["videos"][2]["num_frames"] = 20
    manifest.write_text(json.dumps(content))
    videos = data.PreparedVideos.open(copy)
    with pytest.raises(ValueError, match="holds no optical flow"):
        streams.train(videos, batch_size=1, modality="flow")
    with pytest.raises(ValueError, match="holds no motion vectors: .* --vectors"):
        streams.train(videos, batch_size=1, modality="codec")


def test_a_sample_reads_its_own_images_only(train, monkeypatch):
    """Bytes read do not depend on the length of the video."""
    video = max(train.videos, key=lambda v: v.num_frames)
    read = []
    gfile = tf.io.gfile.GFile

    class Counting(gfile):
        def read(self, n=-1):
            read.append(n)
            return super().read(n)

    monkeypatch.setattr(tf.io.gfile, "GFile", Counting)
    positions = np.array([[0, 1], [7, 8]])
    jpegs = shards.read_images(train.root, video, "flow_y", positions)
    assert len(read) == 3 and min(read) > 0  # the index, and two segments
    framing = 16  # of protocol buffers, between two images
    assert (
        sum(read)
        <= 9 * shards.ROW.itemsize + sum(map(len, jpegs.ravel())) + 2 * framing
    )


def test_ten_crop_predictions_average_over_views(train):
    """The layout that testing relies on: views fold into the batch and back."""
    frames, _ = next(
        iter(train.evaluate(batch_size=2, num_segments=3, size=SIZE, crops="ten"))
    )
    folded = tf.reshape(frames, [-1, *frames.shape[2:]])
    np.testing.assert_array_equal(folded[13], frames[1, 3])
