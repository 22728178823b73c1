"""Bytes that may be too many to be held in memory: beyond a megabyte they lie in a file that has no name."""

import hashlib
import tempfile
from collections.abc import Iterator

MEMORY_BYTES_MAX = 1024 * 1024
PART_BYTES = 512 * 1024


class Spool:
    """Append first, then read. Whoever made it closes it; what it holds is gone then."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES_MAX)  # noqa: SIM115  closed by `close`
        self._hash = hashlib.sha256()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def append(self, data: bytes) -> None:
        self._file.seek(self._size)
        self._file.write(data)
        self._hash.update(data)
        self._size += len(data)

    def read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def parts(self) -> Iterator[bytes]:
        """Yield all of it, in pieces of PART_BYTES."""
        for offset in range(0, self._size, PART_BYTES):
            yield self.read(offset, PART_BYTES)

    def close(self) -> None:
        self._file.close()
