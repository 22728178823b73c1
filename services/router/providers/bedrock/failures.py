"""Bedrock's errors: by the exception's name where a header, a body or an event tells it, and by status.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html and each operation's errors
"""

from typing import Any

import orjson

from services.router.providers.answers.broken_answer import ProviderStreamError
from services.router.providers.answers.failures import MESSAGE_MAX, provider_failure, reported_failure
from services.router.providers.answers.headers import Header, no_header
from services.router.providers.aws.error_type import error_type_of
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
    "unrecognizedClientException": 401,
    "expiredTokenException": 401,
    "validationException": 400,
}
_MODEL_FAILED = 424
"""ModelErrorException: the model, not the request, went wrong, so another try can help."""


def failure_of(provider: str, status: int, body: bytes, header: Header = no_header) -> GatewayError:
    answer = _object(body)
    told = error_type_of(header, answer)
    if answer is None and told is None:
        return provider_failure(provider, status, body)
    answer, name = answer or {}, _lowered(told) if told else None
    message = answer.get("message") or answer.get("Message") or "no message"
    if status == _MODEL_FAILED:
        status = answer.get("originalStatusCode") or 502
    elif name is not None:
        status = _STATUS.get(name, status)
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


def _lowered(name: str) -> str:
    return name[:1].lower() + name[1:]


def _shown(name: str | None) -> str | None:
    return name[:1].upper() + name[1:] if name else None
