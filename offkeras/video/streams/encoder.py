"""How the pictures of a new file are encoded: encoder, quality and effort."""

import typing

from offkeras.video.container import check_encoder

# Encoder -> crf between a large file and a loss of what restoring has gained, see
# docs/restoration.md.
CRF = {"libx264": 16, "libx265": 20}
MOST_CRF = 51
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium")
PRESETS += ("slow", "slower", "veryslow")
# What x264 calls the light of a picture, see `x264_light` -> what x265 calls it.
X265_LIGHT = {"mastering-display": "master-display", "cll": "max-cll"}


class Encoder(typing.NamedTuple):
    """An encoder and its options.

    Attributes:
        codec: one of `CRF`.
        crf: quality, 0 (of x264: lossless) to 51; None for that of `CRF`.
        preset: one of `PRESETS`: slower ones make smaller files.
    """

    codec: str = "libx264"
    crf: int | None = None
    preset: str = "medium"

    def check(self):
        """Raises a `ValueError` where it cannot be, or FFmpeg lacks the encoder."""
        for name, value, choices in (
            ("codec", self.codec, tuple(CRF)),
            ("preset", self.preset, PRESETS),
        ):
            if value not in choices:
                raise ValueError(
                    f"Expected `{name}` to be one of {', '.join(choices)}. "
                    f"Received: {value}."
                )
        if self.crf is not None and not 0 <= self.crf <= MOST_CRF:
            raise ValueError(
                f"Expected `crf` to be 0 to {MOST_CRF}. Received: {self.crf}."
            )
        check_encoder(self.codec)

    def options(self, light=""):
        """Options of FFmpeg's encoder.

        Args:
            light: what `x264_light` tells of the pictures.
        """
        crf = CRF[self.codec] if self.crf is None else self.crf
        parameters = light.split(":") if light else []
        if self.codec == "libx265":
            pairs = (parameter.partition("=") for parameter in parameters)
            parameters = [f"{X265_LIGHT[name]}={value}" for name, _, value in pairs]
            parameters.append("log-level=error")  # it would print on every file
        options = {"crf": str(crf), "preset": self.preset}
        if parameters:
            options[f"{self.codec.removeprefix('lib')}-params"] = ":".join(parameters)
        return options


def container_tag(codec, container):
    """The tag that players expect of a stream in a container; None: that of FFmpeg.

    Args:
        codec: name of an FFmpeg encoder.
        container: FFmpeg's name of the container, such as `"mp4"`.
    """
    return "hvc1" if codec == "libx265" and container in ("mp4", "mov") else None
