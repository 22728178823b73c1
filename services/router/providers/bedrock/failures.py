"""Bedrock's errors: by status, and by the exception's name where a body or an event tells it.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html and each operation's errors
"""

from typing import Any

import orjson

from services.router.providers.answers.broken_answer import ProviderStreamError
from services.router.providers.answers.failures import MESSAGE_MAX, provider_failure, reported_failure
from shared.errors import GatewayError

_STATUS = {
    "accessDeniedException": 403,
    "internalServerException": 500,
    "modelErrorException": 502,
    "modelNotReadyException": 429,
    "modelStreamErrorException": 502,
    "modelTimeoutException": 408,
    "resourceNotFoundException": 404,
    "serviceQuotaExceededException": 429,
    "serviceUnavailableException": 503,
    "throttlingException": 429,
    "validationException": 400,
}
_MODEL_FAILED = 424
"""ModelErrorException: the model, not the request, went wrong, so another try can help."""


def failure_of(provider: str, status: int, body: bytes) -> GatewayError:
    answer = _object(body)
    if answer is None:
        return provider_failure(provider, status, body)
    name = _name(answer)
    message = answer.get("message") or answer.get("Message") or "no message"
    if name is not None:
        status = _STATUS.get(name, status)
    if status == _MODEL_FAILED:
        status = answer.get("originalStatusCode") or 502
    return reported_failure(provider, status, str(message)[:MESSAGE_MAX], _shown(name))


def stream_error(name: str, event: dict[str, Any]) -> ProviderStreamError:
    """Return an exception that came as an event."""
    message = event.get("originalMessage") or event.get("message") or "no message"
    return ProviderStreamError(_shown(name) or name, str(message), status=_STATUS.get(_lowered(name), 502))


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None


def _name(answer: dict[str, Any]) -> str | None:
    kind = answer.get("__type")
    return _lowered(kind.rpartition("#")[2]) if isinstance(kind, str) and kind else None


def _lowered(name: str) -> str:
    return name[:1].lower() + name[1:]


def _shown(name: str | None) -> str | None:
    return name[:1].upper() + name[1:] if name else None
