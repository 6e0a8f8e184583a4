"""Makes compressed clips in the layout of Vimeo-90K.

    # the official septuplets, at the two qualities of the paper
    python -m training.prepare_compression --data vimeo_septuplet --quality 40
    python -m training.prepare_compression --data vimeo_septuplet --quality 20
    # the embedded set, no download
    python -m training.prepare_compression --videos embedded --data runs/clips
    # your own videos, at a low-bitrate H.264
    python -m training.prepare_compression --videos my_videos --data runs/mine \
        --codec h264 --quality 40

    # on many machines that share the folder, by Apache Beam
    python -m training.prepare_compression --data vimeo_septuplet --beam="--runner=..."

A killed run goes on where it stopped.
"""

import concurrent.futures
import dataclasses
import functools
import hashlib
import itertools
import os
from pathlib import Path

import keras

from offkeras.data import beam, compressed_clips, compression, septuplet_files
from offkeras.data._container import MAX_PIXELS, VideoError, check_packets
from offkeras.data.class_folder import SUFFIXES
from training import options
from training.options import option


@dataclasses.dataclass(frozen=True)
class Options:
    """All defaults: section 7.3 of the paper."""

    data: str = option("vimeo_septuplet", "folder of the septuplets and their lists")
    videos: str = option("", "'embedded' or a folder of videos to cut septuplets from")
    codec: str = option("jpeg2000", "'jpeg2000', 'h264', 'mpeg4' or 'mjpeg'")
    quality: int = option(40, "-q of the encoder, -crf of h264; higher is worse")
    # Cutting videos
    height: int = option(256, "height of a septuplet")
    width: int = option(448, "width of a septuplet")
    stride: int = option(7, "frames between the beginnings of two septuplets")
    test_every: int = option(10, "every n-th video is for testing, the others train")
    on_error: str = option("raise", "broken videos: 'raise', or 'skip' them")
    # FFmpeg
    ffmpeg: str = option("", "path of FFmpeg; default: the one of imageio-ffmpeg")
    any_version: bool = option(False, "accept an FFmpeg with another JPEG 2000 encoder")
    workers: int = option(os.cpu_count() or 1, "clips at a time")
    beam: str = option(
        "", "instead of local workers an Apache Beam pipeline: '--runner=DirectRunner'"
    )


@options.bad_input()
def main(argv=None):
    """Cuts videos if asked to, checks the clean clips, compresses them."""
    o = options.parse(Options, {}, description=__doc__.splitlines()[0], argv=argv)
    options.at_least(o, height=8, width=8, stride=1, test_every=2, workers=1)
    if o.on_error not in ("raise", "skip"):
        raise SystemExit(
            f"Expected --on-error to be 'raise' or 'skip'. Received: {o.on_error!r}."
        )
    ffmpeg = compression.FFmpeg.find(o.ffmpeg or None)
    if o.videos == "embedded":
        compressed_clips.write_embedded(o.data, ffmpeg=ffmpeg)
    elif o.videos:
        cut_videos(ffmpeg, o)

    lists = sorted(Path(o.data).glob("sep_*list.txt"))
    if not lists:
        raise SystemExit(
            f"Expected lists of clips, sep_trainlist.txt and sep_testlist.txt, in "
            f"{o.data}. Found none."
        )
    splits = [path.name.removeprefix("sep_").removesuffix("list.txt") for path in lists]
    clips = sorted(
        {c for split in splits for c in septuplet_files.read_list(o.data, split)}
    )
    problems = septuplet_files.find_problems(o.data, clips)
    if problems:
        raise SystemExit("\n".join([f"{len(problems)} problem(s):", *problems[:20]]))

    progress = keras.utils.Progbar(len(clips), unit_name="clip")
    folder = compression.compress_clips(
        o.data,
        clips,
        ffmpeg=ffmpeg,
        codec=o.codec,
        quality=o.quality,
        any_version=o.any_version,
        workers=o.workers,
        done=progress.update,
        for_each=functools.partial(beam.for_each, options=o.beam) if o.beam else None,
    )
    print(f"{folder}: {len(clips)} clips, FFmpeg {ffmpeg.version}")


def cut_videos(ffmpeg, o):
    """Cuts a folder of videos into septuplets; no video is in two lists."""
    videos = find_videos(o)
    check_cut(videos, o)
    numbers = itertools.count(1)
    names = [f"{next(numbers):05}" for _ in videos]

    def cut(name, video):
        frames = ffmpeg.read(video, size=(o.height, o.width))
        clips = compressed_clips.write_septuplets(o.data, name, frames, stride=o.stride)
        print(f"{video}: {len(clips)} clips, {name}/0001 ...")
        return clips

    with concurrent.futures.ThreadPoolExecutor(o.workers) as pool:
        cuts = list(pool.map(cut, names, videos))
    lists = {"train": [], "test": []}
    for number, clips in enumerate(cuts, start=1):
        lists["test" if number % o.test_every == 0 else "train"] += clips
    for split, clips in lists.items():
        septuplet_files.write_list(o.data, split, clips)


def find_videos(o):
    """The videos of a folder and of those within it that can be read."""
    if not Path(o.videos).is_dir():
        raise SystemExit(f"Expected --videos to be a folder. Received: {o.videos}.")
    files = sorted(Path(o.videos).rglob("*"))
    videos, problems = [], []
    for path in files:
        if path.suffix.lower() not in SUFFIXES or path.name[0] == ".":
            continue
        try:
            check_packets(path, MAX_PIXELS)
            videos.append(path)
        except VideoError as error:
            problems.append(str(error))
    if problems and o.on_error == "raise":
        raise SystemExit(
            "\n".join(
                [f"{len(problems)} broken video(s); --on-error skip leaves them out:"]
                + problems
            )
        )
    for problem in problems:
        print(f"skipped {problem}")
    if len(videos) < o.test_every:
        raise SystemExit(
            f"Expected at least {o.test_every} videos ({', '.join(SUFFIXES)}) in "
            f"{o.videos}, of which every {o.test_every}th is for testing "
            f"(--test-every, 2 or more). Found {len(videos)}."
        )
    return videos


def check_cut(videos, o):
    """Refuses a folder of other septuplets: they would be mixed."""
    manifest = Path(o.data, "cut.json")
    if not manifest.exists() and Path(o.data, "sep_trainlist.txt").exists():
        raise SystemExit(
            f"{o.data} holds septuplets already: pass another --data for {o.videos}."
        )
    names = [f"{path.relative_to(o.videos)} {path.stat().st_size}\n" for path in videos]
    digest = hashlib.sha256("".join(names).encode()).hexdigest()
    settings = {"videos": f"{len(videos)} files, {digest[:16]}"}
    for name in ("height", "width", "stride", "test_every"):
        settings[name] = getattr(o, name)
    Path(o.data).mkdir(parents=True, exist_ok=True)
    compression.check_manifest(manifest, settings)


if __name__ == "__main__":
    main()
