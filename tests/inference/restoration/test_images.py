"""What restoring a folder of images keeps: profiles, transparency, order."""

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest

from offkeras import data, inference

SIZE = (24, 32)


def profile(kind):
    """An ICC profile: of sRGB, or of that one under another colour space."""
    content = bytearray(
        PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    )
    content[16:20] = kind
    return bytes(content)


RGB, GREY, CMYK = (profile(kind) for kind in (b"RGB ", b"GRAY", b"CMYK"))


def noise(*channels, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (*SIZE, *channels), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "images"
    path.mkdir()
    return path


def restored(folder, identity):
    """The restored images by name."""
    output = folder.parent / "out"
    inference.restore_images(folder, output, identity)
    images = {}
    for path in sorted(output.iterdir()):
        with PIL.Image.open(path) as image:
            image.load()
            images[path.name] = image
    return images


def test_the_profile_stays(folder, identity):
    PIL.Image.fromarray(noise(3)).save(folder / "a.png", icc_profile=RGB)
    PIL.Image.fromarray(noise(3)).save(folder / "b.jpg", icc_profile=RGB)
    PIL.Image.fromarray(noise(3)).save(folder / "c.png")
    PIL.Image.fromarray(noise()).save(folder / "d.png", icc_profile=GREY)
    images = restored(folder, identity)
    profiles = [images[name].info.get("icc_profile") for name in images]
    assert profiles == [RGB, RGB, None, GREY]
    np.testing.assert_array_equal(images["a.png"], noise(3))
    assert images["d.png"].mode == "L"  # PNG allows a profile of greys for greys alone
    np.testing.assert_array_equal(images["d.png"], noise())


def test_transparency_stays(folder, identity):
    PIL.Image.fromarray(noise(4)).save(folder / "a.png")
    PIL.Image.fromarray(noise(2), "LA").save(folder / "b.png")
    PIL.Image.fromarray(noise(3)).save(folder / "c.bmp")
    palette = PIL.Image.fromarray(noise() % 4, "P")
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.save(folder / "d.png", transparency=2)
    exif = PIL.Image.Exif()
    exif[0x0112] = 3  # by 180 degrees
    PIL.Image.fromarray(noise(4)).save(folder / "e.webp", lossless=True, exif=exif)
    images = restored(folder, identity)
    assert [image.mode for image in images.values()] == [
        *("RGBA", "RGBA", "RGB", "RGBA", "RGBA")
    ]
    np.testing.assert_array_equal(images["a.png"], noise(4))
    alpha = np.asarray(images["b.png"])[..., 3]
    np.testing.assert_array_equal(alpha, noise(2)[..., 1])
    with PIL.Image.open(folder / "d.png") as image:
        np.testing.assert_array_equal(images["d.png"], image.convert("RGBA"))
    turned = np.asarray(images["e.png"])[..., 3]
    np.testing.assert_array_equal(turned, noise(4)[::-1, ::-1, 3])


def test_a_profile_that_no_png_holds_is_refused_before_the_first_frame(
    folder, identity
):
    PIL.Image.fromarray(noise(3)).save(folder / "a.png")
    PIL.Image.fromarray(noise(4), "CMYK").save(folder / "b.jpg", icc_profile=CMYK)
    counts = []
    with pytest.raises(data.VideoError, match=r"b\.jpg: has a colour profile .* CMYK"):
        inference.restore_images(
            folder, folder.parent / "out", identity, done=counts.append
        )
    assert counts == [] and not (folder.parent / "out").exists()


def test_images_come_in_the_order_of_their_numbers(folder, identity):
    names = ["1.png", "2.png", "10.png", "11.png", "a1.png", "a2b3.png", "a2b20.png"]
    for number, name in enumerate(names):
        PIL.Image.fromarray(np.full((*SIZE, 3), number, np.uint8)).save(folder / name)
    levels = [int(frame[0, 0, 0]) for _, frame in inference.iterate_source(folder)]
    assert levels == list(range(len(names)))
    frames = inference.sources.read_source_frames(folder, [2, 1], transform=np.array)
    assert [int(frame[0, 0, 0]) for frame in frames] == [2, 1]
    images = restored(folder, identity)
    for number, name in enumerate(names):
        assert np.asarray(images[name])[0, 0, 0] == number
