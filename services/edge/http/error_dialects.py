"""A failure in the words of each API whose clients we serve: what their SDKs look for."""

from typing import Any

from shared.errors import GatewayError


def openai_error(failure: GatewayError) -> dict[str, Any]:
    """Return the body LiteLLM and OpenAI clients understand; `code` is text, as LiteLLM has it."""
    param: str | None = failure.param
    if param is None and failure.type == "auth_error":
        param = "None"  # LiteLLM's own quirk, which clients compare with
    error: dict[str, Any] = {
        "message": failure.message,
        "type": failure.type,
        "param": param,
        "code": str(failure.status),
    }
    if failure.fields:
        error |= failure.fields
    return {"error": error}


_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def anthropic_error(failure: GatewayError) -> dict[str, Any]:
    """https://platform.claude.com/docs/en/api/errors; beside its two fields, our own type and what it concerns."""
    kind = _ANTHROPIC_TYPES.get(failure.status, "api_error" if failure.status >= 500 else "invalid_request_error")
    if failure.type == "budget_exceeded":
        kind = "billing_error"
    error: dict[str, Any] = {"type": kind, "message": failure.message, "code": failure.type, "param": failure.param}
    if failure.fields:
        error |= {name: value for name, value in failure.fields.items() if name not in error}
    return {"type": "error", "error": error}


_GOOGLE_STATES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    422: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def gemini_error(failure: GatewayError) -> dict[str, Any]:
    """https://cloud.google.com/apis/design/errors; what Google has no place for stands in an ErrorInfo, and when to
    ask again in a RetryInfo.
    """
    state = _GOOGLE_STATES.get(failure.status, "INTERNAL" if failure.status >= 500 else "INVALID_ARGUMENT")
    metadata = {name: str(value) for name, value in (failure.fields or {}).items() if value is not None}
    if failure.param is not None:
        metadata["param"] = failure.param
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": failure.type.upper(),
        "domain": "meterhouse",
        "metadata": metadata,
    }
    details: list[dict[str, Any]] = [info]
    if failure.retry_after_s is not None:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{failure.retry_after_s}s"})
    return {"error": {"code": failure.status, "message": failure.message, "status": state, "details": details}}
