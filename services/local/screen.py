"""What the operator of `meterhouse up` reads: lines for people, or one JSON object a line."""

import contextlib
import time
from collections.abc import Sequence

import orjson


class Screen:
    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def step(self, what: str, text: str) -> None:
        """One step of the start, with the seconds since it began."""
        if self._as_json:
            self._json(text, part=what)
        else:
            self._print(f"  {self.elapsed_s:5.1f} s  {what:<11} {text}")

    def say(self, text: str) -> None:
        if self._as_json:
            self._json(text)
        else:
            self._print(text)

    def block(self, lines: Sequence[str]) -> None:
        """Print lines that are for people only."""
        if not self._as_json:
            self._print("\n".join(["", *lines, ""]))

    def _json(self, text: str, **facts: str) -> None:
        line = {"event": text, "service": "up", "level": "info", "timestamp": _now(), **facts}
        self._print(orjson.dumps(line).decode())

    def _print(self, text: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # nobody reads it any more; the gateway goes on
            print(text, flush=True)


def count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
