"""The live page in Chromium: what it answers is what Python answers."""

import base64
import functools
import http.server
import json
import runpy
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from offkeras import data, inference, models

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "docs" / "web"
CHROMIUM = shutil.which("chromium")
RUNTIME = SOURCES / "node_modules" / "@litertjs"
MODELS = ("moving_camera", "moving_objects", "mpeg4_low")
PATIENCE = 30_000  # milliseconds, on a machine that has more to do
FPS = 5  # slow enough for every frame to be seen
# Adapters that are programs, so that WebGPU is there without a graphics card.
WEBGPU = (
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--ignore-gpu-blocklist",
)
HIDE_WEBGPU = "Object.defineProperty(Navigator.prototype, 'gpu', {value: undefined});"
NO_CAMERA = """() => {
    navigator.mediaDevices.getUserMedia =
        () => Promise.reject(new DOMException('', 'NotFoundError'));
}"""
# What was recorded, with arrays as text: `[dtype, base64]`.
RECORDED = """() => {
    const asText = (key, value) => {
        if (!ArrayBuffer.isView(value)) return value;
        const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
        let text = '';
        for (let i = 0; i < bytes.length; i += 32768) {
            text += String.fromCharCode(...bytes.subarray(i, i + 32768));
        }
        return [value.constructor.name, btoa(text)];
    };
    const text = JSON.stringify(window.offkeras.record, asText);
    window.offkeras.record = null;
    return text;
}"""
DTYPES = {"Uint8Array": "uint8", "Uint8ClampedArray": "uint8"}
DTYPES |= {"Float32Array": "float32", "Int32Array": "int32"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed"),
    pytest.mark.skipif(
        not RUNTIME.is_dir(), reason="the runtime is not there: make web brings it"
    ),
]
playwright = pytest.importorskip("playwright.sync_api")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def address():
    """Of the page as `make web` builds it; models that are built already are kept."""
    folder = ROOT / "site" / "web"
    build = runpy.run_path(str(SOURCES / "build.py"))
    build["main"]([*MODELS, "--out", str(folder)])
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def carphone():
    """Sixteen frames of a real video, 176x144."""
    path = data.sample_video("carphone_pristine.mp4")
    return data.read_frames(path, range(0, 64, 4))


@pytest.fixture(scope="module")
def browser(tmp_path_factory, carphone):
    """One Chromium for all; its camera shows a file."""
    camera = tmp_path_factory.mktemp("camera") / "camera.y4m"
    write_y4m(camera, carphone)
    with playwright.sync_playwright() as programs:
        chromium = programs.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={camera}",
                *WEBGPU,
            ],
        )
        yield chromium
        chromium.close()


def write_y4m(path, frames):
    """Frames as grey, which any reader understands alike."""
    height, width = frames.shape[1:3]
    header = f"YUV4MPEG2 W{width} H{height} F{FPS}:1 Ip A1:1 C420jpeg\n".encode()
    colour = bytes([128]) * (height * width // 2)
    with path.open("wb") as file:
        file.write(header)
        for frame in frames:
            file.write(b"FRAME\n" + frame[..., 1].tobytes() + colour)


@pytest.fixture
def open_page(browser, address):
    """Function that opens the page as a new visitor."""
    contexts = []

    def open_page(*scripts, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        for script in scripts:
            page.add_init_script(script)
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(address)
        ready(page)
        return page

    yield open_page
    for context in contexts:
        context.close()


def expect(page, selector, text):
    playwright.expect(page.locator(selector)).to_contain_text(text, timeout=PATIENCE)


def ready(page, model=MODELS[0]):
    expect(page, "#status", f"Ready: {model.replace('_', ' ')}.")


def drop(page, name, content):
    """Drops a file on the page."""
    transfer = page.evaluate_handle(
        """([name, text]) => {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name));
            return transfer;
        }""",
        [name, base64.b64encode(content).decode()],
    )
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})


def watch(page, tmp_path, model, frames, fps=FPS):
    """Drops a video on a model. Returns what the page recorded until its end."""
    path = tmp_path / "clip.mp4"
    data.write_video(path, frames, fps=fps)
    if page.locator("#model").input_value() != model:
        page.select_option("#model", model)
        ready(page, model)
    page.evaluate("() => { window.offkeras.record = []; }")
    drop(page, "clip.mp4", path.read_bytes())
    expect(page, "#status", "The video has ended")
    recorded = read_record(page)
    assert page.problems == [] and page.inner_text("#trouble") == ""
    assert float(page.inner_text("#rate")) > 0
    assert float(page.inner_text("#time")) > 0
    return recorded


def read_record(page):
    def array(value):
        if isinstance(value, list) and value and isinstance(value[0], str):
            return np.frombuffer(base64.b64decode(value[1]), DTYPES[value[0]])
        if isinstance(value, list):
            return [array(item) for item in value]
        if isinstance(value, dict):
            return {key: array(item) for key, item in value.items()}
        return value

    return array(json.loads(page.evaluate(RECORDED)))


def picture_of(record):
    picture = record["picture"]
    shape = (picture["height"], picture["width"], 4)
    return picture["data"].reshape(shape)[..., :3]


def assert_same_pixels(got, want):
    """But for sums that end within 1e-6 of a half."""
    difference = np.abs(np.int16(got).ravel() - np.int16(want).ravel())
    assert difference.max() <= 1 and (difference > 0).mean() < 1e-3


def test_a_recognizer_says_what_python_says(open_page, tmp_path, carphone):
    page = open_page(HIDE_WEBGPU)
    assert "no WebGPU" in page.inner_text("#status")
    recorded = watch(page, tmp_path, "moving_camera", carphone)
    trained = inference.trained_model("moving_camera")
    segments = trained.defaults["segments"]
    recognizer = trained.load()
    assert len(recorded) > segments
    pictures = [picture_of(record) for record in recorded]
    for record, picture in zip(recorded, pictures, strict=True):
        assert_same_pixels(record["frame"], data.center_crop(picture[None], 112))
    assert not any(record["answer"] for record in recorded[: segments - 1])
    for end in range(segments - 1, len(recorded), 4):
        clip = np.stack(pictures[end + 1 - segments : end + 1])
        outputs = recognizer({"frames": data.center_crop(clip, 112)[None]})
        logits = np.asarray(models.fuse_scores(outputs))[0]
        want = np.exp(logits - logits.max())
        got = recorded[end]["answer"]["probabilities"]
        np.testing.assert_allclose(got, want / want.sum(), atol=1e-3)
    got = recorded[-1]["answer"]["probabilities"]
    best = trained.class_names[int(np.argmax(got))].replace("_", " ")
    assert page.inner_text("#answer") == best
    assert page.inner_text("#rows li >> nth=0").startswith(best)
    assert page.locator("#rows li").count() == 9
    compare_maps(page, recorded[-1]["maps"], recognizer, pictures[-2:])


def compare_maps(page, maps, recognizer, pictures):
    """The maps of the page are those of `motion_maps`, but for weights of float16."""
    frames = np.asarray(data.center_crop(np.stack(pictures), 112))
    want = inference.motion_maps(frames, recognizer=recognizer)
    drawn = page.evaluate(
        """async ({before, after, ...shape}) => {
            const {motionMaps} = await import('/maps.js');
            const asFloats = (list) => Float32Array.from(list);
            const maps = motionMaps(
                {...shape, before: asFloats(before), after: asFloats(after)});
            const asList = ([name, map]) => [name, [...map]];
            return Object.fromEntries(Object.entries(maps).map(asList));
        }""",
        {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in maps.items()},
    )
    for name in ("Fx", "Fy", "Ft"):
        got = np.reshape(drawn[name], want[name].shape)
        scale = np.abs(want[name]).max()
        np.testing.assert_allclose(got, want[name], atol=1e-2 * scale)


@pytest.mark.parametrize("device", ["wasm", "webgpu"])
def test_a_detector_finds_what_python_finds(device, open_page, tmp_path):
    from offkeras.data.synthetic.moving_objects import load_footage, render_snippet

    rng = np.random.default_rng(1)
    frames, *_ = render_snippet(load_footage("test"), rng, num_frames=10)
    page = open_page(*[HIDE_WEBGPU] * (device == "wasm"))
    if page.locator("#device option[value=webgpu]").is_enabled() != (device != "wasm"):
        pytest.skip("this Chromium has no WebGPU, not even as a program")
    page.select_option("#model", "moving_objects")
    ready(page, "moving_objects")
    fps = FPS
    if device == "webgpu":
        page.select_option("#device", "webgpu")
        expect(page, "#place", "WebGPU")
        frames, fps = frames[:6], 1  # a program is slow
    recorded = watch(page, tmp_path, "moving_objects", frames, fps)
    trained = inference.trained_model("moving_objects")
    folder = write_images(tmp_path, recorded)
    found = inference.detect(folder, trained.load(), short_side=96, long_side=128)
    count = 0
    for record, want in zip(recorded, found, strict=True):
        got = record["answer"]["found"]
        assert [item["label"] for item in got] == want.classes.tolist()
        scores = [item["score"] for item in got]
        np.testing.assert_allclose(scores, want.scores, atol=1e-3)
        boxes = np.reshape([item["box"] for item in got], (-1, 4))
        scale = picture_of(record).shape[0] / 96
        np.testing.assert_allclose(boxes * scale, want.boxes, atol=1e-3 * 128)
        count += len(got)
    assert count >= (5 if device == "wasm" else 1)


def write_images(folder, recorded):
    """What the page saw, as a folder of images for Python."""
    from PIL import Image

    images = folder / "images"
    images.mkdir()
    for number, record in enumerate(recorded):
        Image.fromarray(picture_of(record)).save(images / f"{number}.png")
    return images


def test_a_restorer_gives_the_pixels_that_python_gives(open_page, tmp_path, carphone):
    page = open_page(HIDE_WEBGPU)
    # Of a frame that is too large its centre, of one too small its border repeated.
    large = np.pad(carphone, ((0, 0), (6, 6), (10, 10), (0, 0)), "edge")
    recorded = watch(page, tmp_path, "mpeg4_low", large[:, :, 20:-20])
    frames = [
        np.pad(picture_of(record)[6:-6], ((0, 0), (10, 10), (0, 0)), "edge")
        for record in recorded
    ]
    model = inference.trained_model("mpeg4_low").load()
    assert recorded[0]["answer"] is None  # it waits for the next frame
    for number, record in enumerate(recorded[1:6]):
        assert_same_pixels(record["answer"]["before"], frames[number])
        clip = np.stack([frames[max(number - 1, 0)], *frames[number : number + 2]])
        outputs = model({"frames": clip[None].astype("float32")})
        want = np.asarray(outputs["restored"])[0].clip(0, 255).round()
        assert_same_pixels(record["answer"]["restored"], want)
        assert np.abs(want - frames[number]).mean() > 0.1  # it did something
    page.locator("#split").focus()
    page.keyboard.press("End")
    assert page.locator("#split").input_value() == "100"


def test_the_camera(open_page):
    page = open_page(HIDE_WEBGPU, permissions=["camera"])
    page.evaluate("() => { window.offkeras.record = []; }")
    # By the keyboard alone.
    for name in ("model", "device", "camera"):
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.id") == name
    page.keyboard.press("Enter")
    playwright.expect(page.locator("#rows li")).to_have_count(9, timeout=PATIENCE)
    page.get_by_role("button", name="Stop").click()
    expect(page, "#status", "Stopped")
    picture = picture_of(read_record(page)[-1])
    assert picture.shape == (144, 176, 3) and picture.std() > 10  # the file's
    assert page.problems == []


def test_what_does_not_work_is_said(open_page):
    page = open_page(HIDE_WEBGPU)
    page.get_by_role("button", name="Use the camera").click()
    expect(page, "#trouble", "refused")
    drop(page, "broken.mp4", bytes(1000))
    expect(page, "#trouble", "cannot play broken.mp4")
    page.evaluate(NO_CAMERA)
    page.get_by_role("button", name="Use the camera").click()
    expect(page, "#trouble", "There is no camera")
    page.set_input_files(
        "#own",
        {"name": "a.tflite", "mimeType": "application/octet-stream", "buffer": b"x"},
    )
    expect(page, "#trouble", "This is no model")
    assert page.problems == []


def test_it_works_without_a_network_and_asks_nobody_else(open_page, address):
    page = open_page(HIDE_WEBGPU)
    asked = []
    page.context.on("request", lambda request: asked.append(request.url))
    page.context.set_offline(True)
    page.reload()
    ready(page)
    assert len(asked) > 10
    assert all(url.startswith((address, "blob:")) for url in asked)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(open_page, scheme):
    page = open_page(
        HIDE_WEBGPU, viewport={"width": 360, "height": 740}, color_scheme=scheme
    )
    wide = page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 360
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    levels = [int(v) for v in ground.strip("rgb()").split(",")]
    assert (np.mean(levels) > 128) == (scheme == "light")
