"""Models that take one input a call, asked once for each; their answers are read as one."""

from collections.abc import Iterator
from typing import Any

from services.router.providers.base import HttpCall
from services.router.providers.stepping import Step


class OneByOne:
    """`Steps`. `others` makes the calls after the first, each signed when its turn comes."""

    def __init__(self, others: Iterator[HttpCall]) -> None:
        self._others = others
        self._answers: list[bytes] = []

    def after(self, body: bytes) -> Step | None:
        self._answers.append(body)
        call = next(self._others, None)
        return Step(call) if call is not None else None

    def after_stream(self) -> Step | None:
        return None

    def last(self, body: bytes) -> bytes:
        """Return all answers, in order, under `each`."""
        return b'{"each":[' + b",".join(self._answers) + b"]}"

    def cancelling(self) -> HttpCall | None:
        return None


def each_answer(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the answers of `OneByOne`, or the one that was all."""
    each: list[dict[str, Any]] = answer.get("each", [answer])
    return each
