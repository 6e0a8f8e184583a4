"""An S3 server on loopback (moto's), behind a proxy that can slow down or break."""

import contextlib
import functools
import http.server
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time

BUCKET = "videos"
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@contextlib.contextmanager
def serve(*, refuse=False):
    """Starts a server in a process of its own, with `hello` in the bucket `videos`.

    Args:
        refuse: whether it refuses every key after `videos/hello` has been written.

    Yields:
        Its address, such as `http://127.0.0.1:5000`.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, **KEYS}
    if refuse:
        environment["INITIAL_NO_AUTH_ACTION_COUNT"] = "2"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(port)
        client(address).create_bucket(Bucket=BUCKET)
        client(address).put_object(Bucket=BUCKET, Key="hello", Body=b"hello from S3")
        yield address
    finally:
        server.kill()
        server.wait()


def client(address):
    """Amazon's own client, to fill the server independently of TensorFlow."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )


def upload(address, folder, prefix):
    """Copies the files of a local folder into the bucket, below `prefix`."""
    s3 = client(address)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            key = f"{prefix}/{path.relative_to(folder).as_posix()}"
            s3.upload_file(str(path), BUCKET, key)


def download(address, prefix, folder):
    """Copies what lies below `prefix` into a local folder."""
    s3 = client(address)
    for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/")["Contents"]:
        path = folder / entry["Key"].removeprefix(f"{prefix}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(BUCKET, entry["Key"], str(path))


def variables(address):
    """Environment variables with which a process finds the server."""
    return {
        **KEYS,
        "AWS_REGION": "us-east-1",
        "S3_ENDPOINT": address,
        "S3_VERIFY_SSL": "0",
        # A lost connection is an error after a second and not after minutes.
        "AWS_MAX_ATTEMPTS": "3",
        "AWS_RETRY_MODE": "standard",
    }


def _wait(port):
    for _ in range(300):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.1)
    raise TimeoutError(f"No server on port {port}.")


class Proxy:
    """Passes TCP connections on to a server.

    Attributes:
        delay: seconds before each answer.
        cut_after: bytes of answers after which every connection is cut and new ones
            are too; None for never.
        passed: bytes of answers so far.
        requests: requests so far.
        most_waiting: most requests that were delayed at the same time.
    """

    def __init__(self, address, *, delay=0.0):
        self.target = ("127.0.0.1", int(address.rpartition(":")[2]))
        self.delay, self.cut_after = delay, None
        self.passed = self.requests = self.most_waiting = 0
        self._waiting = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        """Accepts no more connections."""
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self.target)
                for sockets in ((client, server, False), (server, client, True)):
                    threading.Thread(
                        target=self._pass_on, args=sockets, daemon=True
                    ).start()

    def _pass_on(self, source, sink, answers):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers:
                    data = self._cut(data)
                    if not data:
                        break
                else:
                    self._wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _wait(self):
        with self._lock:
            self.requests += 1
            self._waiting += 1
            self.most_waiting = max(self.most_waiting, self._waiting)
        time.sleep(self.delay)
        with self._lock:
            self._waiting -= 1

    def _cut(self, data):
        """What may pass of an answer."""
        with self._lock:
            if self.cut_after is not None:
                data = data[: max(self.cut_after - self.passed, 0)]
            self.passed += len(data)
            return data


@contextlib.contextmanager
def serve_folder(folder, *, ranges):
    """A web server over a folder; yields its address.

    Args:
        folder: what it serves.
        ranges: whether it answers requests for a part of a file with that part.
    """
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0),
        functools.partial(_Ranges if ranges else _Quiet, directory=str(folder)),
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def copyfile(self, source, outputfile):
        with contextlib.suppress(OSError):  # the client has hung up
            super().copyfile(source, outputfile)


class _Ranges(_Quiet):
    def do_GET(self):
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
        if not wanted:
            super().do_GET()
            return
        data = pathlib.Path(self.translate_path(self.path)).read_bytes()
        part = data[int(wanted[1]) : int(wanted[2]) + 1]
        self.send_response(206)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)
