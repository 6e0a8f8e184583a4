"""What restoring keeps beside the picture: labels, chapters, light, every sound."""

import fractions

import av
import numpy as np
import pytest

from offkeras import inference
from offkeras.video.container import VideoError

DEFAULT, COMMENT = av.stream.Disposition.default, av.stream.Disposition.comment
TITLES = {"eng": ("Commentary", COMMENT), "deu": ("Original", DEFAULT)}
MILLI = fractions.Fraction(1, 1000)
CHAPTERS = [
    {"id": i, "start": s, "end": e, "time_base": MILLI, "metadata": {"title": title}}
    for i, (s, e, title) in enumerate([(0, 700, "One"), (700, 1500, "Two")])
]


def add_picture(container, count=30, **options):
    options = {"bf": "0", **options}  # ASF has no place for the order of others
    stream = container.add_stream("libx264", rate=25, options=options)
    stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
    return stream, [
        av.VideoFrame.from_ndarray(np.full((64, 96, 3), 8 * i, np.uint8), "rgb24")
        for i in range(count)
    ]


def add_sound(container, codec, *, rate=48000, layout="stereo", **options):
    stream = container.add_stream(codec, rate=rate, layout=layout, **options)
    wave = (8000 * np.sin(np.arange(rate * 6 // 5) / 20)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts = rate, 0
    resampler = av.AudioResampler(
        stream.format, layout, rate, frame_size=stream.frame_size or 1024
    )
    return stream, [*resampler.resample(frame), *resampler.resample(None)]


def fill(container, *streams):
    for stream, frames in streams:
        for frame in [*frames, None]:
            container.mux(stream.encode(frame))


def sound_of(path):
    """The codec and the bytes of the sound, and whether it can be decoded."""
    with av.open(str(path)) as container:
        (track,) = container.streams.audio
        codec = track.codec_context.name
        packets = b"".join(bytes(packet) for packet in container.demux(track))
    with av.open(str(path)) as container:
        loudest = max(np.abs(f.to_ndarray()).max() for f in container.decode(audio=0))
    return codec, packets, loudest > 0


@pytest.fixture
def labelled(tmp_path):
    """A film with two tracks of sound, titles and chapters."""
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        container.metadata.update(title="My film", comment="Of a day")
        container.set_chapters(CHAPTERS)
        picture, *sounds = (
            add_picture(container),
            *(add_sound(container, "aac") for _ in TITLES),
        )
        for (stream, _), (language, (title, flag)) in zip(
            sounds, TITLES.items(), strict=True
        ):
            stream.metadata.update(language=language, title=title)
            stream.disposition = flag
        fill(container, picture, *sounds)
    return str(path)


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_labels_and_chapters_stay(suffix, isolated, labelled, identity, tmp_path):
    output = tmp_path / f"out.{suffix}"
    source = inference.Isolated(labelled) if isolated else labelled
    inference.restore_file(source, output, identity)
    with av.open(str(output)) as container:
        assert container.metadata["title"] == "My film"
        comments = {key.lower(): text for key, text in container.metadata.items()}
        assert comments["comment"] == "Of a day"
        for stream, language in zip(container.streams.audio, TITLES, strict=True):
            title, flag = TITLES[language]
            names = {"deu": ("deu", "ger")}.get(language, (language,))
            assert stream.metadata["language"] in names
            assert title in (stream.metadata.get("title"), stream.metadata.get("name"))
            # QuickTime has no word for a comment, but for the track that is played.
            wanted = flag & DEFAULT if suffix == "mov" else flag
            assert stream.disposition == wanted
        assert container.streams.video[0].disposition & DEFAULT
        found = [
            (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"])
            for c in container.chapters()
        ]
    assert found == [
        (c["start"] * MILLI, c["end"] * MILLI, c["metadata"]) for c in CHAPTERS
    ]


def test_chapters_move_with_the_clock(labelled, identity, tmp_path):
    """A film that begins at 2 s is written from 0 on, and so are its chapters."""
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as container:
        container.set_chapters(
            [
                {**c, "start": c["start"] + 2000, "end": c["end"] + 2000}
                for c in CHAPTERS
            ]
        )
        stream, frames = add_picture(container)
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = number + 50, fractions.Fraction(1, 25)
        fill(container, (stream, frames))
    inference.restore_file(path, tmp_path / "out.mkv", identity)
    with av.open(str(tmp_path / "out.mkv")) as container:
        starts = [float(c["start"] * c["time_base"]) for c in container.chapters()]
        assert starts == pytest.approx([0, 0.7], abs=0.001)
        assert next(container.decode(video=0)).time == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_the_light_of_a_high_dynamic_range_stays(suffix, identity, tmp_path):
    path, output = tmp_path / "hdr.mp4", tmp_path / f"out.{suffix}"
    light = (
        "mastering-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)"
        "L(10000000,50):cll=1000,400"
    )
    with av.open(str(path), "w") as container:
        stream, frames = add_picture(container, 5, **{"x264-params": light})
        stream.codec_context.colorspace, stream.codec_context.color_range = 9, 1
        stream.codec_context.color_primaries, stream.codec_context.color_trc = 9, 16
        fill(container, (stream, frames))

    def told(path):
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            display = frame.side_data["MASTERING_DISPLAY_METADATA"]
            numbers = np.frombuffer(display, np.int32)
            level = np.frombuffer(frame.side_data["CONTENT_LIGHT_LEVEL"], np.uint32)
            return numbers[:20:2] / numbers[1:20:2], level[:2].tolist()

    inference.restore_file(path, output, identity)
    (before, level), (after, new_level) = told(path), told(output)
    np.testing.assert_allclose(after, before)
    np.testing.assert_allclose(after[-1], 1000)
    assert new_level == level == [1000, 400]


SOUNDS = {
    "pcm_alaw": ("avi", dict(rate=8000, layout="mono")),
    "pcm_mulaw": ("mov", dict(rate=8000, layout="mono")),
    "adpcm_ms": ("avi", dict(rate=44100, layout="mono")),
    "adpcm_ima_wav": ("avi", dict(rate=44100, layout="stereo")),
    "wmav1": ("asf", dict(rate=44100, bit_rate=64000)),
    "wmav2": ("asf", dict(rate=44100, bit_rate=64000)),
    "libopencore_amrnb": ("mov", dict(rate=8000, layout="mono", bit_rate=12200)),
}


@pytest.mark.parametrize("codec", SOUNDS)
def test_sound_that_matroska_has_no_name_for(codec, identity, tmp_path):
    suffix, options = SOUNDS[codec]
    path, output = tmp_path / f"film.{suffix}", tmp_path / "out.mkv"
    with av.open(str(path), "w") as container:
        fill(container, add_picture(container), add_sound(container, codec, **options))
    for source in (path, inference.Isolated(str(path))):
        assert inference.restore_file(source, output, identity) == 30
        assert sound_of(output) == sound_of(path)
        with av.open(str(output)) as container:
            assert container.format.name == "matroska,webm"
            assert len([frame for frame in container.decode(video=0)]) == 30


@pytest.mark.parametrize(
    "codec, suffix, refused, advice",
    [
        ("adpcm_ms", "avi", ("mp4", "mov"), r"Write \.mkv, or leave"),
        ("adpcm_ima_qt", "mov", ("mp4", "mkv"), r"Write \.mov, or leave"),
        ("libopus", "mkv", ("mov",), r"Write \.mp4 or \.mkv, or leave"),
        ("adpcm_swf", "flv", ("mp4", "mov", "mkv"), r"\. Leave the sound out"),
    ],
)
def test_advice_is_what_helps(codec, suffix, refused, advice, identity, tmp_path):
    path = tmp_path / f"film.{suffix}"
    rate = 48000 if codec == "libopus" else 44100
    with av.open(str(path), "w") as container:
        sound = add_sound(container, codec, rate=rate, layout="mono")
        fill(container, add_picture(container), sound)
    for name in ("mp4", "mov", "mkv"):
        output = tmp_path / f"out.{name}"
        if name in refused:
            with pytest.raises(VideoError, match=rf"film\.{suffix}: .*{advice}"):
                inference.restore_file(path, output, identity)
        else:
            assert inference.restore_file(path, output, identity) == 30
            assert sound_of(output) == sound_of(path)


@pytest.mark.parametrize("suffix", ["avi", "mp4", "mkv"])
def test_a_title_that_is_no_utf_8(suffix, identity, tmp_path):
    """Old programs write that of their country; the film is read all the same."""
    path, output = tmp_path / f"film.{suffix}", tmp_path / "out.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "In der Kueche"
        fill(container, add_picture(container, 5))
    path.write_bytes(path.read_bytes().replace(b"Kueche", b"K\xfcche\xe4"))
    assert inference.restore_file(path, output, identity) == 5
    with av.open(str(output)) as container:
        assert container.metadata["title"] == "In der K\ufffdche\ufffd"
