"""Google's errors: by status and google.rpc code, and where those are too coarse by the reason in their details.

Source: https://cloud.google.com/apis/design/errors, https://ai.google.dev/gemini-api/docs/troubleshooting
"""

import math
import re
from typing import Any

import orjson

from services.router.providers.answers.broken_answer import ProviderStreamError
from services.router.providers.answers.failures import MESSAGE_MAX, provider_failure, reported_failure
from shared.errors import GatewayError

_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_KEY_REASONS = {"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED"}
"""Told with status 400, though it is the gateway's key that is wrong and not the request."""

_DELAY = re.compile(r"(\d+(?:\.\d+)?)s")


def failure_of(provider: str, status: int, body: bytes) -> GatewayError:
    error = _error_in(body)
    if error is None:
        return provider_failure(provider, status, body)
    if _reason(error) in _KEY_REASONS:
        status = 401
    if status >= 500 and error.get("code") == 429:  # a gateway of theirs stands between
        status = 429
    message = str(error.get("message") or "no message")
    failure = reported_failure(provider, status, message[:MESSAGE_MAX], _code(error))
    failure.retry_after_s = _retry_delay_s(error)
    return failure


def reported(error: dict[str, Any]) -> ProviderStreamError:
    """Return an error that stands where an answer should be, or in the middle of a stream."""
    code = error.get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else _STATUS.get(str(error.get("status")))
    return ProviderStreamError(_code(error), str(error.get("message") or "no message"), status=status)


def _code(error: dict[str, Any]) -> str:
    return str(_reason(error) or error.get("status") or error.get("type") or "error")  # the last one is Claude's


def _error_in(body: bytes) -> dict[str, Any] | None:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if isinstance(answer, list) and answer:
        answer = answer[0]  # what a stream without alt=sse answers
    error = answer.get("error") if isinstance(answer, dict) else None
    return error if isinstance(error, dict) else None


def _details(error: dict[str, Any], kind: str) -> dict[str, Any]:
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and detail.get("@type") == f"type.googleapis.com/google.rpc.{kind}":
            return detail
    return {}


def _reason(error: dict[str, Any]) -> str | None:
    reason = _details(error, "ErrorInfo").get("reason")
    return reason if isinstance(reason, str) else None


def _retry_delay_s(error: dict[str, Any]) -> int | None:
    found = _DELAY.fullmatch(str(_details(error, "RetryInfo").get("retryDelay")))
    return math.ceil(float(found[1])) if found else None
