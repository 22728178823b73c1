"""A JSON body decoded as far as a struct wants to know it, and what is wrong with it in words."""

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec
import orjson

from shared.errors import InvalidRequest

S = TypeVar("S")

_AT = re.compile(r"^(?P<problem>.*) - at `\$(?P<path>.*)`$")
_MISSING = re.compile(r"Object missing required field `(?P<field>\w+)`(?: - at `\$(?P<path>.*)`)?")


def decoded(decode: Callable[[bytes], S], body: bytes, route: str) -> S:
    """Return what `decode` makes of `body`.

    Raises:
        InvalidRequest: not JSON (naming the position), or a wrong type (naming the field).
    """
    try:
        found = decode(body)
        if not body.isascii():
            body.decode()  # the decoder looks into no text that it skips, but whoever reads the body next does
        return found
    except msgspec.ValidationError as error:
        raise _wrong_field(str(error), route) from error
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"Invalid JSON payload: {_position(body, str(error))}", param="request_body") from error
    except UnicodeDecodeError:
        raise InvalidRequest(f"Invalid JSON payload: {_not_utf8(body)}", param="request_body") from None
    except RecursionError:
        raise InvalidRequest("Invalid JSON payload: it is nested too deeply", param="request_body") from None


def _position(body: bytes, problem: str) -> str:
    """Say what is wrong and where: the decoder does not say where a body ends too early."""
    if not body:
        return "the body is empty"
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return str(error)
    return problem


def _not_utf8(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"it is not UTF-8: {error.reason} (byte {error.start})"
    return "it is not UTF-8"


def _wrong_field(problem: str, route: str) -> InvalidRequest:
    missing = _MISSING.match(problem)
    if missing:
        field = _path(missing["path"] or "", missing["field"])
        return InvalidRequest(f"{route}: Missing required parameter: '{field}'.", param=field)
    at = _AT.match(problem)
    if at:
        field = _path(at["path"], "")
        return InvalidRequest(f"{route}: '{field}': {at['problem']}.", param=field)
    return InvalidRequest(f"{route}: the body must be a JSON object: {problem}.", param="request_body")


def _path(path: str, field: str) -> str:
    return ".".join(part for part in (path.lstrip("."), field) if part)
