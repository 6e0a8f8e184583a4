"""How a new file is encoded: by which encoder, how well, and what it is called."""

import os

import av
import numpy as np
import pytest

from offkeras import inference
from offkeras.video import isolated_remux, remux
from offkeras.video.streams.encoder import CRF, Encoder


def restored(source, output, identity, **options):
    inference.restore_file(source, output, identity, **options)
    frames = np.stack([frame.rgb for frame in remux.read_source(str(output))])
    return os.path.getsize(output), frames.astype(int)


def test_options():
    light = "mastering-display=G(1,2)L(3,4):cll=1000,400"
    assert Encoder().options() == {"crf": str(CRF["libx264"]), "preset": "medium"}
    assert Encoder("libx264", 3, "fast").options(light) == {
        "crf": "3",
        "preset": "fast",
        "x264-params": light,
    }
    assert Encoder("libx265", 30).options(light)["x265-params"] == (
        "master-display=G(1,2)L(3,4):max-cll=1000,400:log-level=error"
    )


@pytest.mark.parametrize(
    "options, message",
    [
        ({"codec": "mpeg4"}, "`codec` to be one of libx264, libx265. Received: mpeg4"),
        ({"crf": 52}, "`crf` to be 0 to 51. Received: 52"),
        ({"crf": -1}, "`crf` to be 0 to 51. Received: -1"),
        ({"preset": "quick"}, "`preset` to be one of ultrafast.* Received: quick"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        Encoder(**options).check()


def test_an_encoder_that_ffmpeg_lacks(encode, identity, tmp_path, monkeypatch):
    """Said before anything is decoded."""
    source, find = encode("a.mp4", num_frames=2), av.Codec

    def lacking(name, mode="r"):
        return find("no such codec" if name == "libx265" else name, mode)

    monkeypatch.setattr(av, "Codec", lacking)
    with pytest.raises(ValueError, match="no encoder 'libx265'"):
        restored(source, tmp_path / "out.mp4", identity, codec="libx265")
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("codec", list(CRF))
def test_a_higher_crf_is_a_smaller_file_and_a_worse_picture(
    codec, encode, identity, tmp_path
):
    source = encode("a.mp4", num_frames=8, options={"crf": "4"})
    before = np.stack([frame.rgb for frame in remux.read_source(source)])
    sizes, errors = [], []
    for crf in (10, None, 40):
        size, frames = restored(
            source, tmp_path / f"{crf}.mp4", identity, codec=codec, crf=crf
        )
        sizes.append(size)
        errors.append(np.abs(frames - before).mean())
    assert sizes == sorted(sizes, reverse=True) and errors == sorted(errors)
    assert sizes[0] > 1.5 * sizes[2] and errors[2] > 2 * errors[0]


def test_a_preset_is_the_encoders(encode, identity, tmp_path):
    """x264 writes its settings into the file; those of ultrafast have no CABAC."""
    source = encode("a.mp4", num_frames=8)
    found = {}
    for preset in ("ultrafast", "slow"):
        path = tmp_path / f"{preset}.mp4"
        restored(source, path, identity, preset=preset)
        found[preset] = b"cabac=1" in path.read_bytes()
    assert found == {"ultrafast": False, "slow": True}


@pytest.mark.parametrize("is_isolated", [False, True])
def test_hevc(is_isolated, film, identity, tmp_path, capfd):
    """By the tag that players of MP4 expect; with sound; x265 prints nothing."""
    video = film("film.mp4", num_frames=8)
    source = inference.Isolated(video) if is_isolated else video
    for suffix, tag in (("mp4", "hvc1"), ("mkv", None)):
        path = tmp_path / f"out.{suffix}"
        _, frames = restored(source, path, identity, codec="libx265")
        before = np.stack([frame.rgb for frame in remux.read_source(video)])
        assert np.abs(frames - before).mean() < 3
        with av.open(str(path)) as container:
            (stream,), (sound,) = container.streams.video, container.streams.audio
            assert stream.codec_context.name == "hevc"
            assert tag is None or stream.codec_context.codec_tag == tag
            assert sum(packet.size > 0 for packet in container.demux(sound)) > 5
    assert capfd.readouterr().err == ""


def test_a_process_gets_the_options(encode, tmp_path):
    """As they are, through JSON."""
    source = encode("a.mp4", num_frames=4)
    sizes = []
    for crf in (1, 45):
        path, encoder = tmp_path / f"{crf}.mp4", Encoder("libx265", crf, "ultrafast")
        how = dict(container="mp4", encoder=encoder, audio=False)
        with (
            open(path, "wb") as file,
            isolated_remux.remux(source, file, **how) as (sources, write),
        ):
            for frame in sources:
                write(frame.rgb, frame)
        sizes.append(os.path.getsize(path))
    assert sizes[0] > 2 * sizes[1]
