"""An insert's data as a file that the engine can open: inline data would be cut at max_query_size (256 KiB)."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "insert-"


@contextmanager
def readable_file(text: bytearray, start: int, scratch: Path) -> Iterator[str]:
    """Give the path of a file with `text[start:]` in it, and empty `text`: the data is held once.

    It lives in memory and has no name, so nothing is left behind by a process that dies. Where there is no such thing
    (only Linux has it), it is a file in `scratch`.
    """
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("insert", os.MFD_CLOEXEC)
        path = f"/proc/self/fd/{number}"
        named = None
    else:
        number, path = tempfile.mkstemp(prefix=_PREFIX, dir=scratch)
        named = path
    try:
        with memoryview(text) as whole, whole[start:] as data:
            written = 0
            while written < len(data):
                written += os.write(number, data[written:])
        text.clear()
        yield path
    finally:
        os.close(number)
        if named is not None:
            os.unlink(named)


def remove_left_behind(scratch: Path) -> None:
    """Remove what a process that was killed left in `scratch`."""
    for path in scratch.glob(_PREFIX + "*"):
        path.unlink(missing_ok=True)
