"""Memory that this process takes, from Linux's /proc."""

import concurrent.futures
import multiprocessing
from pathlib import Path

MIB = 2**20


def resident():
    """Bytes in memory now."""
    return _status("VmRSS")


def peak():
    """Most bytes in memory since the start, or since `reset_peak`."""
    return _status("VmHWM")


def reset_peak():
    """Lets `peak` start again."""
    Path("/proc/self/clear_refs").write_text("5", "utf-8")


def alone(function, *arguments):
    """What a function returns, called in a new process, whose memory is its own."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        return pool.submit(function, *arguments).result()


def _status(key):
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {key}.")
