"""The time of day as messages carry it."""

import time


def time_ms() -> int:
    """Return milliseconds since 1970."""
    return time.time_ns() // 1_000_000
