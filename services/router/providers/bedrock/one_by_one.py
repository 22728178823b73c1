"""Models that take one input a call, asked once for each; their answers are read as one."""

from collections.abc import Iterator

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
