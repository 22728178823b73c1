"""A provider's error answer as a GatewayError: by status and the provider's typed code, never by words in a message."""

from typing import Any

import orjson

from shared.errors import GatewayError, ProviderFailed

CONTEXT_CODES = {"context_length_exceeded", "string_above_max_length"}

_TYPES = {
    400: "invalid_request_error",
    401: "provider_auth_error",
    402: "provider_auth_error",
    403: "provider_auth_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "throttling_error",
    503: "service_unavailable",
    504: "timeout_error",
}
MESSAGE_MAX = 4_000


def provider_failure(provider: str, status: int, body: bytes) -> GatewayError:
    """Return the failure with the provider's own message and code."""
    error = _error_in(body)
    message = error.get("message") or error.get("detail") or body[:MESSAGE_MAX].decode("utf-8", "replace")
    param = error.get("param")
    return reported_failure(
        provider,
        status,
        _plain(message) or "no message",
        _first_text(error.get("code"), error.get("type"), error.get("status")),
        param=param if isinstance(param, str) else None,
    )


def reported_failure(
    provider: str, status: int, message: str, code: str | None, *, param: str | None = None
) -> ProviderFailed:
    """Return a failure that a provider reports, in its own words."""
    shown = status if 400 <= status < 600 else 502
    other = "invalid_request_error" if shown < 500 else "internal_server_error"
    return ProviderFailed(
        f"{provider} answered {status}: {message[:MESSAGE_MAX]}",
        status=shown,
        type=_TYPES.get(shown, other),
        param=param,
        fields={"provider": provider, "provider_code": code},
    )


def is_context_failure(failure: GatewayError) -> bool:
    """Whether the prompt was too long for the model."""
    return (failure.fields or {}).get("provider_code") in CONTEXT_CODES


def _error_in(body: bytes) -> dict[str, Any]:
    """Return the object that tells of the error, in the forms that providers use."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(answer, list) and answer:
        answer = answer[0]  # Google
    if not isinstance(answer, dict):
        return {}
    errors = answer.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return errors[0]  # Cloudflare, watsonx.ai
    detail = answer.get("detail")
    if isinstance(detail, dict):
        return {"code": detail.get("status"), **detail}  # ElevenLabs
    if isinstance(answer.get("err_msg"), str):
        return {"message": answer["err_msg"], "code": answer.get("err_code")}  # Deepgram
    error = answer.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str):
        return {"message": error}
    return answer


def _plain(message: Any) -> str:
    return message.strip() if isinstance(message, str) else orjson.dumps(message).decode()


def _first_text(*candidates: Any) -> str | None:
    return next((text for text in candidates if isinstance(text, str) and text), None)
