"""A body of the wrong shape, answered as LiteLLM does: 422 with type, place and message of each fault."""

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

_READING = re.compile(r"(function-(after|before|wrap|plain)|list|dict)\[.*\]")
_KINDS = ("list_type", "dict_type", "model_type", "model_attributes_type")


class PlainFaults(APIRoute):
    """The route class of the admin API. What was sent is not echoed: it may hold a key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_plainly(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return JSONResponse({"detail": plain_faults(error.errors())}, status_code=422)

        return handle_plainly


def plain_faults(faults: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the faults without the names that the validator has for the readings of a field.

    A field that may be one thing or a list of them is read both ways: where one reading says what is wrong inside, that
    the other is none of its kind says nothing.
    """
    plain = [
        {"type": fault["type"], "loc": [part for part in fault["loc"] if not _is_reading(part)], "msg": fault["msg"]}
        for fault in faults
    ]
    inside = [fault["loc"] for fault in plain if fault["type"] not in _KINDS]
    return [
        fault
        for fault in plain
        if fault["type"] not in _KINDS or not any(loc[: len(fault["loc"])] == fault["loc"] for loc in inside)
    ]


def _is_reading(part: object) -> bool:
    return isinstance(part, str) and _READING.fullmatch(part) is not None
