"""Requests that have a slot and of which nobody has said for a while that it works on them. Pure.

A router says so every five seconds. One that is killed says nothing more, and neither does anybody of a request that
its owner could not send on before it was killed itself.
"""

from collections.abc import Iterable

SILENT_MS = 20_000
"""How long a router may say nothing, four times in a row, before its requests lose their slots."""


class SlotWatch:
    """Times in milliseconds."""

    def __init__(self) -> None:
        self._heard: dict[str, int] = {}  # in order of time

    def __len__(self) -> int:
        return len(self._heard)

    def begin(self, requests: Iterable[str], now_ms: int) -> None:
        for request in requests:
            self._heard.pop(request, None)
            self._heard[request] = now_ms

    def hear(self, requests: Iterable[str], now_ms: int) -> None:
        """Somebody works on these; of those that are not watched there is nothing to know."""
        self.begin([request for request in requests if request in self._heard], now_ms)

    def end(self, request: str) -> None:
        self._heard.pop(request, None)

    def take_silent(self, now_ms: int) -> list[str]:
        """Stop watching those that were not heard of for too long, and return them."""
        silent = []
        for request, heard_ms in self._heard.items():
            if heard_ms > now_ms - SILENT_MS:
                break
            silent.append(request)
        for request in silent:
            del self._heard[request]
        return silent
