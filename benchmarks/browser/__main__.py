"""Speed of two runtimes in a browser: LiteRT.js and onnxruntime-web.

    make page && npm ci --prefix benchmarks/browser
    python -m benchmarks.browser --out benchmarks/browser.csv

Headless Chromium takes steps of the shipped models on the processor, by WebAssembly
with one thread and with two; a runtime opens in a page of its own. The figure is the
median of 20 steps, and the better one of two rounds over all, since others use the
machine too.
"""

import functools
import http.server
import shutil
import tempfile
import threading
from pathlib import Path

from benchmarks.support import records
from offkeras import export, inference

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "site" / "web"  # of `make page`
ONNX = HERE / "node_modules" / "onnxruntime-web" / "dist"
ONNX_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs")
ONNX_FILES += ("ort-wasm-simd-threaded.wasm",)
# Frames of the page, (height, width).
SIZES = {
    "moving_camera": (112, 112),
    "moving_objects": (96, 128),
    "mpeg4_low": (144, 176),
}
RUNTIMES = ("litert", "onnxruntime")
ROUNDS = 2


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files with the headers that threads need."""

    def end_headers(self):
        """Adds the headers."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *arguments):
        """Says nothing."""


def fill(folder):
    """Writes the runtimes and the models into a folder."""
    for name in ("speed.html", "speed.js"):
        shutil.copy(HERE / name, folder)
    shutil.copytree(PAGE / "runtime", folder / "runtime")
    (folder / "onnx").mkdir()
    for name in ONNX_FILES:
        shutil.copy(ONNX / name, folder / "onnx")
    for name, size in SIZES.items():
        shutil.copy(PAGE / "models" / f"{name}.tflite", folder)
        model = inference.trained_model(name).load()
        is_open = model.input["frames"].shape[2] is None
        for signature in ("start", "step"):
            path = folder / name / f"{signature}.onnx"
            path.parent.mkdir(exist_ok=True)
            options = {"size": size} if is_open else {}
            export.onnx(model, path, signature=signature, **options)


def measure(browser, address, runtime, name, threads):
    """Median milliseconds of a step, in a page of its own."""
    page = browser.new_page()
    page.goto(f"{address}/speed.html")
    milliseconds = page.evaluate(
        "([runtime, ...options]) => measure(runtime, ...options)",
        [runtime, name, threads, [1, *SIZES[name], 3]],
    )
    page.close()
    return milliseconds


def main():
    """Reads the command line, measures and writes the table."""
    out = records.parser(__doc__).parse_args().out
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as programs,
    ):
        fill(Path(folder))
        handler = functools.partial(Handler, directory=folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = programs.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        address = f"http://127.0.0.1:{server.server_port}"
        cases = [(r, n, t) for n in SIZES for t in (1, 2) for r in RUNTIMES]
        best = dict.fromkeys(cases, float("inf"))
        for case in cases * ROUNDS:
            best[case] = min(best[case], measure(browser, address, *case))
            print(*case, f"{best[case]:.1f} ms", flush=True)
        rows = [
            {
                "model": name,
                "runtime": runtime,
                "threads": threads,
                "milliseconds": f"{milliseconds:.1f}",
                "frames_per_second": f"{1000 / milliseconds:.1f}",
                "browser": f"Chromium {browser.version}",
                **records.environment("browser", ["--out", str(out)]),
            }
            for (runtime, name, threads), milliseconds in best.items()
        ]
        browser.close()
        server.shutdown()
    records.write(out, rows, same=("model", "runtime", "threads", "device"))


if __name__ == "__main__":
    main()
