"""What `offkeras restore` gains on video files, and what it leaves as it was.

    python -m benchmarks.restored_video --out benchmarks/restored_video.csv

Compresses two videos of which no frame was trained on, the held-out scene of the
embedded clips and the video of another kind, as each model in `savedmodels/` expects
it, adds sound, restores the files and compares: PSNR to the video before compression,
over all frames of the file that was written, and number of frames, duration, frame
rate and sound packets before and after. Rows of another TensorFlow version stay.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.support import records
from offkeras import data, inference, metrics
from offkeras.data.restoration import compressed_clips, compression, septuplet_files

# === Options ===
# Model, codec and quality of the video that it restores.
MODELS = (
    ("jpeg2000_q40", "jpeg2000", 40),
    ("jpeg2000_q20", "jpeg2000", 20),
    ("mpeg4_low", "mpeg4", 16),
    ("mpeg4_low", "h264", 37),  # which it was not trained on
)
SPLITS = ("test", "out_of_domain")
SOUND = "bigbuckbunny.mp4"
RATE = "25"
CRF = 14  # of the restored file
# The middle of the picture in the README: model, split, frame, part of the frame.
PICTURE = ("jpeg2000_q40", "test", 27, (60, 150, 110, 160))


def parse(arguments):
    """Command line options; an unknown one is an error."""
    parser = records.parser(__doc__)
    parser.add_argument("--picture", type=Path, help="PNG to draw before and after")
    parser.add_argument("--frames", type=int, help="of each video; default: all")
    names = list(dict.fromkeys(name for name, *_ in MODELS))
    parser.add_argument("--models", nargs="+", choices=names, default=names)
    return parser.parse_args(arguments)


def read_split(ffmpeg, split, count):
    """Frames of a video that no model has seen, as they were before compression."""
    _, ((name, first, end),) = compressed_clips.SPLITS[split]
    own_size = name in compressed_clips.OWN_SIZE
    size = None if own_size else septuplet_files.VIMEO_SIZE
    frames = list(ffmpeg.read(data.sample_video(name), size=size))[first:end]
    return np.stack(frames[:count])


def compress(ffmpeg, frames, path, *, codec, quality):
    """Writes a compressed video file with sound."""
    _, height, width, _ = frames.shape
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    subprocess.run(
        [ffmpeg.path, *compression.QUIET, *raw, "-r", RATE, "-i", "-"]
        + ["-i", str(data.sample_video(SOUND)), "-map", "0:v", "-map", "1:a"]
        + ["-c:a", "copy", "-t", str(len(frames) / int(RATE))]
        + [*compression.CODECS[codec], str(quality), str(path)],
        input=frames.tobytes(),
        check=True,
    )


def describe(path):
    """Number of frames, duration, rate and the bytes of the sound of a file."""
    import av

    with av.open(str(path)) as container:
        (video,), (sound,) = container.streams.video, container.streams.audio
        packets = [bytes(p) for p in container.demux(sound) if p.size]
        rate = video.average_rate
    frames = [seconds for seconds, _ in data.iterate_frames(path)]
    return {
        "same_frames": len(frames),
        "same_duration": frames[-1] - frames[0],
        "same_rate": rate,
        "same_sound": packets,
    }


def mean_psnr(original, path):
    """Mean PSNR of the frames of a file."""
    frames = np.stack([frame for _, frame in data.iterate_frames(path)])
    return float(np.mean(metrics.psnr(original, frames)))


def measure(ffmpeg, original, model, folder, *, codec, quality):
    """Compresses, restores and compares; the figures of a row, and both files."""
    compressed = folder / ("old.mov" if codec == "jpeg2000" else "old.mp4")
    restored = folder / "new.mp4"
    compress(ffmpeg, original, compressed, codec=codec, quality=quality)
    start = time.perf_counter()
    count = inference.restore_file(compressed, restored, model, crf=CRF)
    seconds = time.perf_counter() - start
    before, after = mean_psnr(original, compressed), mean_psnr(original, restored)
    left, right = describe(compressed), describe(restored)
    figures = {
        "frames": count,
        "kbit_per_second": round(
            compressed.stat().st_size * 8e-3 / (len(original) / int(RATE))
        ),
        "psnr_compressed": f"{before:.3f}",
        "psnr": f"{after:.3f}",
        "gain": f"{after - before:.3f}",
        "frames_per_second": f"{count / seconds:.2f}",
        **{key: left[key] == right[key] for key in left},
    }
    return figures, compressed, restored


def draw(path, original, compressed, restored):
    """The picture before and after."""
    *_, index, crop = PICTURE
    index = min(index, len(original) - 1)
    inference.draw_restoration(
        data.read_frames(compressed, [index])[0],
        data.read_frames(restored, [index])[0],
        path,
        original=original[index],
        crop=crop,
    )


def main(arguments):
    """Measures and writes the table."""
    options = parse(arguments)
    environment = records.environment("restored_video", arguments)
    ffmpeg = compression.FFmpeg.find()
    rows = []
    for name, codec, quality in MODELS:
        if name not in options.models:
            continue
        model = inference.trained_model(name, "model").load()
        for split in SPLITS:
            original = read_split(ffmpeg, split, options.frames)
            with tempfile.TemporaryDirectory() as folder:
                figures, *files = measure(
                    *(ffmpeg, original, model, Path(folder)),
                    codec=codec,
                    quality=quality,
                )
                if options.picture and (name, split) == PICTURE[:2]:
                    draw(options.picture, original, *files)
            row = {"model": name, "video": split, "codec": codec, "quality": quality}
            row |= figures
            print(row, flush=True)
            rows.append({**row, **environment, "ffmpeg": ffmpeg.version})
    records.write(options.out, rows, same=("model", "tensorflow"))


if __name__ == "__main__":
    main(sys.argv[1:])
