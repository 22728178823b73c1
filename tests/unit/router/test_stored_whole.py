from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.router.objects import stored
from shared.errors import ProviderFailed


class _InParts:
    def __init__(self, *parts: bytes) -> None:
        self._parts = parts
        self.read = 0

    async def parts(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            self.read += 1
            yield part


async def test_an_answer_without_an_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "WHOLE_BYTES_MAX", 10)
    fits, endless = _InParts(b"12345", b"67890"), _InParts(b"12345", b"678901", *[b"x"] * 9)
    of: Any = fits
    assert await stored._whole(of, "openai") == b"1234567890"
    of = endless
    with pytest.raises(ProviderFailed, match="more than 10 bytes"):
        await stored._whole(of, "openai")
    assert endless.read == 2
