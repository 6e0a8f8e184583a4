"""Videos to TFRecord shards of JPEG frames, with optical flow where asked for.

    # a folder per class, or with --dataset list lists as TSN's
    offkeras prepare videos --videos my_videos --out runs/mine

    # on many machines, by Apache Beam; a shard is the work of one
    offkeras prepare videos --dataset ucf101 --videos gs://bucket/UCF-101 \
        --lists ucfTrainTestlist --out gs://bucket/ucf101 --beam="--runner=..."

A killed run goes on where it stopped, and ends with the same bytes. Videos that
cannot be prepared are listed at the end; the same command tries them again.
"""

import collections
import concurrent.futures
import dataclasses
import functools
import hashlib
import json
import multiprocessing
import os
import threading

import tensorflow as tf

from offkeras.data.actions import official_splits as action_datasets
from offkeras.data.actions import shard_writer, shards
from offkeras.data.actions.video_examples import ExampleOptions
from offkeras.inference.progress import counted, progress_bar
from offkeras.storage import remote as storage
from offkeras.training import options
from offkeras.training.options import PrepareOptions, option


@dataclasses.dataclass(frozen=True)
class Options(PrepareOptions):
    """All defaults: the frames and flow of the released code, without the flow."""

    dataset: str = option(
        "folder",
        "official splits, a folder per class, or lists as TSN's",
        choices=("ucf101", "hmdb51", "folder", "list"),
    )
    videos: str = option("", "folder of the videos; with lists also s3://... and alike")
    lists: str = option("", "folder of the official lists, or of TSN's")
    out: str = option("", "folder of the shards; also s3://... and alike")
    # What is stored
    height: int = option(256, "height of a stored frame")
    width: int = option(340, "width of a stored frame, if stretched")
    aspect: str = option("stretch", "'stretch', or 'keep': shorter side to height")
    quality: int = option(95, "of the JPEGs")
    flow: str = option("none", "'none', 'tvl1' (the paper's) or 'dis' (fast)")
    vectors: str = option(
        "none",
        "motion vectors of the videos' codec: 'none'; frames that have none take "
        "the 'previous' (the EMV paper's) or the 'next'",
    )
    videos_per_shard: int = option(
        32, "videos in a shard; a killed run loses one", least=1
    )
    on_error: str = option(
        "raise", "'raise': end with an error, or 'skip'", choices=("raise", "skip")
    )


def main(argv=None, *, prog=None):
    """Reads the lists, prepares what is not there yet, writes the manifest."""
    o = options.parse(Options, {}, __doc__, argv, prog)
    example_options = check(o)
    class_names, videos = find_videos(o)
    folder = storage.connect(o.out)
    tf.io.gfile.makedirs(folder)
    fixed = agree_on_options(folder, example_options, class_names, videos, o)

    count = -(-len(videos) // o.videos_per_shard)
    names = [shards.shard_name(number, count) for number in range(count)]
    unwritten = {
        name: videos[number * o.videos_per_shard :][: o.videos_per_shard]
        for number, name in enumerate(names)
        if not shard_writer.finished_shard(folder, name)
    }
    done = len(videos) - sum(map(len, unwritten.values()))
    print(f"{len(videos)} videos in {count} shards; {done} are prepared already")
    write = functools.partial(
        shard_writer.write_shard, folder=folder, options=example_options
    )
    if o.beam:
        o.for_each()(write, list(unwritten.items()))
    else:
        prepare(write, unwritten, example_options, workers=o.workers)

    content = [
        json.loads(storage.read_bytes(storage.join(folder, f"{name}.json")))
        for name in names
    ]
    shard_writer.write_json(
        storage.join(folder, shards.MANIFEST),
        {
            "format": shards.FORMAT,
            "options": fixed,
            "class_names": class_names,
            "shards": content,
        },
    )
    failures = {name: r for shard in content for name, r in shard["failures"].items()}
    for name, reason in failures.items():
        print(f"failed: {name}: {reason}")
    print(f"{folder}: {len(videos) - len(failures)} videos, {len(failures)} failures")
    if failures and o.on_error == "raise":
        raise SystemExit(1)


def check(o):
    """The options of an example, after checking the others."""
    needed = ("videos", "out") if o.dataset == "folder" else ("videos", "out", "lists")
    for name in needed:
        if not getattr(o, name):
            raise SystemExit(f"--{name} is needed for --dataset {o.dataset}.")
    fields = [field.name for field in dataclasses.fields(ExampleOptions)]
    with options.bad_input():
        return ExampleOptions(**{name: getattr(o, name) for name in fields})


def find_videos(o):
    """Names of the classes, and all videos of the dataset sorted by name.

    The official lists are checked here, the files one by one as they are prepared.
    """
    with options.bad_input():
        if o.dataset == "folder":
            splits = [action_datasets.class_folders(o.videos)]
        elif o.dataset == "list":
            splits = [action_datasets.tsn_list(None, o.lists)]
        else:
            read = getattr(action_datasets, o.dataset)
            splits = [read(None, o.lists, split=n) for n in action_datasets.SPLITS]
    if not storage.is_remote(o.videos) and not os.path.isdir(o.videos):
        raise SystemExit(f"Expected --videos to be a folder. Received: {o.videos}.")
    videos = {video.name: video for split in splits for video in split.videos}
    return splits[0].class_names, [
        dataclasses.replace(video, path=os.path.join(o.videos, name))
        for name, video in sorted(videos.items())
    ]


def agree_on_options(folder, example_options, class_names, videos, o):
    """What the bytes of the shards depend on; a resumed run must have the same."""
    import av
    import cv2

    listing = [[v.name, v.label, v.group] for v in videos]
    fixed = {
        **dataclasses.asdict(example_options),
        "videos_per_shard": o.videos_per_shard,
        "videos_sha256": hashlib.sha256(
            json.dumps([class_names, listing]).encode()
        ).hexdigest(),
        "opencv": cv2.__version__,
        "av": av.__version__,
    }
    path = storage.join(folder, shards.OPTIONS)
    if storage.size(path) is None:
        shard_writer.write_json(path, fixed)
        return fixed
    before = {**shards.ADDED, **json.loads(storage.read_bytes(path))}
    differing = [
        f"  {name}: {before.get(name)!r} then, {value!r} now"
        for name, value in fixed.items()
        if before.get(name) != value
    ]
    if differing:
        raise SystemExit(
            "\n".join(
                [f"{folder} was begun with other options; take a new --out:"]
                + differing
            )
        )
    return fixed


def prepare(write, unwritten, options, *, workers):
    """Writes shards, a dict of name to videos, one after another."""
    jobs = [(video, options) for videos in unwritten.values() for video in videos]
    examples = in_order(shard_writer.try_example, jobs, workers=workers)
    examples = counted(examples, progress_bar(len(jobs), unit="videos"))
    for shard in unwritten.items():
        write(shard, examples=examples)
    next(examples, None)  # counts the last one


def in_order(function, jobs, *, workers):
    """Results of `function(*job)`, in order, from a few jobs ahead in processes."""
    if workers == 1:
        yield from (function(*job) for job in jobs)
        return
    with concurrent.futures.ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=begin_worker,
    ) as pool:
        waiting = collections.deque()
        for job in jobs:
            waiting.append(pool.submit(function, *job))
            if len(waiting) >= 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def begin_worker():
    """A worker ends when its parent is killed, instead of waiting for ever."""

    def follow():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
