"""A provider's error answer as a GatewayError: by status and the provider's code, by words where it has none."""

from collections.abc import Collection
from typing import Any

import orjson

from services.router.providers.answers.failure_reasons import CONTENT_POLICY, CONTEXT_WINDOW, reason_of
from shared.errors import GatewayError, ProviderFailed

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
    522: "timeout_error",  # Cloudflare, which stands in front of many: the server did not take the connection
    524: "timeout_error",  # nor answer in time
}
_MODEL_FAILED = 424
"""SageMaker's: the model, which has a status of its own, went wrong."""

MESSAGE_MAX = 4_000


def provider_failure(provider: str, status: int, body: bytes) -> GatewayError:
    """Return the failure with the provider's own message and code."""
    error = _error_in(body)
    message = error.get("message") or error.get("detail") or body[:MESSAGE_MAX].decode("utf-8", "replace")
    param = error.get("param")
    inner = error.get("innererror") or error.get("inner_error")  # Azure
    return reported_failure(
        provider,
        status,
        _plain(message) or "no message",
        _first_text(error.get("code"), error.get("error_code"), error.get("type"), error.get("status")),
        param=param if isinstance(param, str) else None,
        more_codes=(str(inner.get("code")),) if isinstance(inner, dict) else (),
    )


def reported_failure(
    provider: str,
    status: int,
    message: str,
    code: str | None,
    *,
    param: str | None = None,
    more_codes: Collection[str] = (),
) -> ProviderFailed:
    """Return a failure that a provider reports, in its own words.

    A prompt that is too long, or that it will not answer, is the request's fault under whatever status it comes: 400.
    """
    shown = status if 400 <= status < 600 else 502
    fields: dict[str, Any] = {"provider": provider, "provider_code": code}
    reason = reason_of(provider, shown, (code or "", *more_codes), message, param or "")
    if reason:
        fields["reason"] = reason
        shown = 400 if shown >= 500 or shown == _MODEL_FAILED else shown
    elif code == "model_not_found" and shown in (400, 403):  # OpenAI, of a model that a project may not use
        shown = 404
    other = "invalid_request_error" if shown < 500 else "internal_server_error"
    return ProviderFailed(
        f"{provider} answered {status}: {message[:MESSAGE_MAX]}",
        status=shown,
        type="invalid_request_error" if reason else _TYPES.get(shown, other),
        param=param,
        fields=fields,
    )


def is_context_failure(failure: GatewayError) -> bool:
    """Whether the prompt was too long for the model."""
    return (failure.fields or {}).get("reason") == CONTEXT_WINDOW


def is_policy_failure(failure: GatewayError) -> bool:
    """Whether the provider refuses what the prompt or the answer says."""
    return (failure.fields or {}).get("reason") == CONTENT_POLICY


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
