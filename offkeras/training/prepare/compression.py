"""Makes compressed clips in the layout of Vimeo-90K.

    # the embedded set, no download
    offkeras prepare compression --videos embedded --data runs/clips
    # your own videos, at two low bitrates of H.264
    offkeras prepare compression --videos my_videos --data runs/mine \
        --codec h264 --quality 35 40

    # on many machines that share the folder, by Apache Beam
    offkeras prepare compression --data vimeo_septuplet --beam="--runner=..."

A killed run goes on where it stopped.
"""

import dataclasses
import hashlib
from pathlib import Path

from offkeras.data.parallel import in_threads
from offkeras.data.restoration import compressed_clips, compression, septuplet_files
from offkeras.inference.progress import progress_bar
from offkeras.training import options
from offkeras.training.options import PrepareOptions, option
from offkeras.training.prepare.photographs import read_photographs
from offkeras.video.container import MAX_PIXELS, VideoError, check_packets
from offkeras.video.search import VIDEO_SUFFIXES, find_videos


@dataclasses.dataclass(frozen=True)
class Options(PrepareOptions):
    """All defaults: section 7.3 of the paper."""

    data: str = option("vimeo_septuplet", "folder of the septuplets and their lists")
    videos: str = option("", "'embedded' or a folder of videos to cut septuplets from")
    photographs: str = option(
        "", "folder of images that a camera moves over: the list 'photographs'"
    )
    clips: int = option(8, "septuplets of each photograph", least=1)
    codec: str = option(
        "jpeg2000", "codec to compress by", choices=tuple(compression.CODECS)
    )
    quality: tuple = option(
        (40,), "one or more -q of the encoder, -crf of h264 and hevc; higher is worse"
    )
    # Cutting videos
    height: int = option(256, "height of a septuplet", least=8)
    width: int = option(448, "width of a septuplet", least=8)
    stride: int = option(7, "frames between the beginnings of two septuplets", least=1)
    test_every: int = option(10, "every n-th video is for testing", least=2)
    on_error: str = option("raise", "broken videos", choices=("raise", "skip"))
    # FFmpeg
    ffmpeg: str = option("", "path of FFmpeg; default: the one of imageio-ffmpeg")
    any_version: bool = option(False, "accept an FFmpeg with another JPEG 2000 encoder")


@options.bad_input()
def main(argv=None, *, prog=None):
    """Cuts videos if asked to, checks the clean clips, compresses them."""
    o = options.parse(Options, {}, __doc__, argv, prog)
    ffmpeg = compression.FFmpeg.find(o.ffmpeg or None)
    if o.videos == "embedded":
        compressed_clips.write_embedded(o.data, ffmpeg=ffmpeg)
    elif o.videos:
        cut_videos(ffmpeg, o)
    if o.photographs:
        move_photographs(o)

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

    for quality in o.quality:
        folder = compression.compress_clips(
            o.data,
            clips,
            ffmpeg=ffmpeg,
            codec=o.codec,
            quality=quality,
            any_version=o.any_version,
            workers=o.workers,
            done=progress_bar(len(clips), unit="clips"),
            for_each=o.for_each(),
        )
        print(f"{folder}: {len(clips)} clips, FFmpeg {ffmpeg.version}")


def cut_videos(ffmpeg, o):
    """Cuts a folder of videos into septuplets; no video is in two lists."""
    videos = readable_videos(o)
    check_cut(videos, o)

    def cut(numbered):
        number, video = numbered
        name = f"{number:05}"
        frames = ffmpeg.read(video, size=(o.height, o.width))
        clips = compressed_clips.write_septuplets(o.data, name, frames, stride=o.stride)
        print(f"{video}: {len(clips)} clips, {name}/0001 ...")
        return clips

    cuts = in_threads(cut, list(enumerate(videos, start=1)), workers=o.workers)
    lists = {"train": [], "test": []}
    for number, clips in enumerate(cuts, start=1):
        lists["test" if number % o.test_every == 0 else "train"] += clips
    for split, clips in lists.items():
        septuplet_files.write_list(o.data, split, clips)


def move_photographs(o):
    """Writes septuplets of moved photographs, and their list: what is there stays."""
    names = []
    for path, image in read_photographs(o.photographs, compressed_clips.PHOTOGRAPH):
        print(f"{path}: {o.clips} clips")
        names += compressed_clips.write_photograph(
            o.data, image, path.stem, clips=o.clips
        )
    septuplet_files.write_list(o.data, "photographs", names)


def readable_videos(o):
    """The videos of a folder and of those within it that can be read."""
    if not Path(o.videos).is_dir():
        raise SystemExit(f"Expected --videos to be a folder. Received: {o.videos}.")
    videos, problems = [], []
    for path in find_videos(o.videos, below=True):
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
            f"Expected at least {o.test_every} videos ({', '.join(VIDEO_SUFFIXES)}) in "
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
