"""What is done to a whole picture: shadows on the ground, and what a camera adds."""

import dataclasses
import functools

import numpy as np

FIXED = 4  # bits behind the point of coordinates that OpenCV draws to
NOISES = 256  # pixels of the side of the noise that all pictures take parts of


@dataclasses.dataclass(frozen=True)
class Finish:
    """A camera's faults.

    Attributes:
        shadow: how dark shadows are, 0 to 1.
        gain: factor of brightness.
        offset: added to it.
        blur: standard deviation in pixels; 0 for none.
        noise: standard deviation in levels.
        quality: of MJPEG, 0 to 100; None: not compressed.
        seed: of the noise.
    """

    shadow: float
    gain: float
    offset: float
    blur: float
    noise: float
    quality: int | None
    seed: int

    def apply(self, picture, number):
        """The picture of frame `number`, with all that."""
        import cv2

        levels = np.arange(256) * self.gain + self.offset
        table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        picture = cv2.LUT(picture, table)
        if self.blur:
            picture = cv2.GaussianBlur(picture, (0, 0), self.blur)
        if self.noise:
            picture = self._noisy(picture, number)
        if self.quality is not None:
            # The same order of colours both ways; which one is of no matter to noise,
            # but it is to JPEG.
            options = [cv2.IMWRITE_JPEG_QUALITY, self.quality]
            _, data = cv2.imencode(".jpg", picture[..., ::-1], options)
            picture = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
        return np.ascontiguousarray(picture)

    def _noisy(self, picture, number):
        rng = np.random.default_rng([self.seed, number])
        top, left = rng.integers(NOISES, size=2).tolist()
        noise = _noise(-(-max(picture.shape) // NOISES) * NOISES)
        grain = noise[top : top + len(picture), left : left + picture.shape[1]]
        # In 1/256 of a level, rounded.
        grain = (grain * round(self.noise * 256) + 2**15) >> 16
        return np.clip(picture + grain, 0, 255).astype(np.uint8)


@functools.cache
def _noise(most):
    """Normal noise of a standard deviation of 256, int32 `(H, W, 3)`.

    It repeats itself, `most` pixels after any of the first `NOISES` at least.
    """
    rng = np.random.default_rng(NOISES)
    noise = np.rint(rng.normal(size=(NOISES, NOISES, 3)) * 256).astype(np.int32)
    repeats = 1 + most // NOISES
    return np.tile(noise, (repeats, repeats, 1))


def draw_finish(rng, size):
    """Random faults, for pictures `size` pixels wide."""
    blurred, noisy, compressed = rng.uniform(size=3) < (0.4, 0.7, 0.6)
    blur, noise = rng.uniform(0.35, 1.0) * size / 112, rng.uniform(0.5, 8)
    return Finish(
        shadow=rng.uniform(0.2, 0.6),
        gain=rng.uniform(0.8, 1.2),
        offset=rng.uniform(-15, 15),
        blur=round(blur, 2) if blurred else 0.0,
        noise=noise if noisy else 0.0,
        quality=int(rng.integers(20, 91)) if compressed else None,
        seed=int(rng.integers(2**31)),
    )


def cast_shadow(picture, shadow, number, darkness):
    """Darkens the ground where limbs keep the light away, softly.

    Args:
        picture: uint8 `(H, W, 3)`; it is changed.
        shadow: x and y of both ends of limbs on the ground, `(T, P, 2)` each, and their
            radii in pixels, `(T, P)`.
        number: of the frame.
        darkness: 0 to 1.
    """
    import cv2

    mask = np.zeros(picture.shape[:2], np.uint8)
    unit = 2**FIXED
    reach = 4 * max(mask.shape) * unit
    start, end, radius = (part[number] for part in shadow)
    # Wider limbs do most of it. Lines of one pixel are not the same in all versions of
    # OpenCV.
    wide = np.flatnonzero(radius > np.median(radius) * 0.6)
    starts, ends = (
        np.clip(np.rint((points[wide] - 0.5) * unit), -reach, reach)
        .astype(int)
        .tolist()
        for points in (start, end)
    )
    widths = np.maximum(np.rint(2 * radius[wide]), 2).astype(int).tolist()
    for a, b, width in zip(starts, ends, widths, strict=True):
        width = min(width, max(mask.shape))
        cv2.line(mask, a, b, 255, width, cv2.LINE_8, FIXED)
    mask = cv2.GaussianBlur(mask, (0, 0), max(mask.shape) / 60)
    kept = 256 - (mask.astype(np.uint16) * round(darkness * 256) >> 8)
    picture[:] = picture * kept[..., None] >> 8  # at most 255 * 256
