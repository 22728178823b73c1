"""Every way a request can fail, and how a client sees it.

* GatewayError
  * InvalidRequest        400 invalid_request_error
  * BlockedByGuardrail    400 guardrail_blocked
  * AuthenticationFailed  401 auth_error, token_not_found_in_db, expired_key
  * AccessDenied          403 key_model_access_denied, auth_error
  * NotFound              404 not_found_error
  * TooLarge              413 request_too_large
  * BudgetExceeded        422 budget_exceeded (the status is a setting)
  * RateLimited           429 throttling_error
  * Unavailable           503 service_unavailable      retryable, with Retry-After
  * DeadlinePassed        504 timeout_error            retryable
  * ProviderFailed        the provider's status        retryable by status
  * CredentialMissing     500 provider_credentials_missing

Denials travel over the bus as values (`to_dict`), not as exceptions; edge makes HTTP of them.
"""

from collections.abc import Sequence
from typing import Any


class GatewayError(Exception):
    """A failure with a status, a stable type, a sentence safe to show, and the field it concerns."""

    status = 500
    type = "internal_server_error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        type: str | None = None,
        status: int | None = None,
        retry_after_s: int | None = None,
        fields: dict[str, Any] | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """`fields` are added to the error object; `retry_after_s` becomes the Retry-After header, beside `headers`."""
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self.fields = fields
        self.headers = headers
        if type is not None:
            self.type = type
        if status is not None:
            self.status = status

    def to_dict(self) -> dict[str, Any]:
        """The form in which a failure crosses the bus; `from_dict` turns it back."""
        failure: dict[str, Any] = {
            "status": self.status,
            "type": self.type,
            "message": self.message,
            "param": self.param,
            "retry_after_s": self.retry_after_s,
            "fields": self.fields,
        }
        if self.headers:
            failure["headers"] = self.headers
        return failure

    @staticmethod
    def from_dict(failure: dict[str, Any]) -> "GatewayError":
        return GatewayError(
            failure["message"],
            status=failure["status"],
            type=failure["type"],
            param=failure.get("param"),
            retry_after_s=failure.get("retry_after_s"),
            fields=failure.get("fields"),
            headers=failure.get("headers", ()),
        )


class InvalidRequest(GatewayError):
    status = 400
    type = "invalid_request_error"


class BlockedByGuardrail(GatewayError):
    status = 400
    type = "guardrail_blocked"


class AuthenticationFailed(GatewayError):
    status = 401
    type = "auth_error"


class AccessDenied(GatewayError):
    status = 403
    type = "key_model_access_denied"


class NotFound(GatewayError):
    status = 404
    type = "not_found_error"


class TooLarge(GatewayError):
    status = 413
    type = "request_too_large"


class BudgetExceeded(GatewayError):
    status = 422
    type = "budget_exceeded"


class RateLimited(GatewayError):
    status = 429
    type = "throttling_error"


class Unavailable(GatewayError):
    status = 503
    type = "service_unavailable"


class DeadlinePassed(GatewayError):
    status = 504
    type = "timeout_error"


class ProviderFailed(GatewayError):
    status = 502
    type = "provider_error"


class CredentialMissing(GatewayError):
    status = 500
    type = "provider_credentials_missing"
