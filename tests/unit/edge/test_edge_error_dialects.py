"""The same failure in the words of three APIs."""

import json

import pytest

from services.edge.http.error_dialects import anthropic_error, gemini_error
from services.edge.http.error_response import error_body, error_event, id_headers
from shared.errors import (
    AccessDenied,
    AuthenticationFailed,
    BlockedByGuardrail,
    BudgetExceeded,
    GatewayError,
    InvalidRequest,
    ProviderFailed,
    RateLimited,
    Unavailable,
)


@pytest.mark.parametrize(
    ("failure", "anthropic", "google"),
    [
        (InvalidRequest("no"), "invalid_request_error", "INVALID_ARGUMENT"),
        (BlockedByGuardrail("no"), "invalid_request_error", "INVALID_ARGUMENT"),
        (AuthenticationFailed("no"), "authentication_error", "UNAUTHENTICATED"),
        (AccessDenied("no"), "permission_error", "PERMISSION_DENIED"),
        (BudgetExceeded("no"), "billing_error", "RESOURCE_EXHAUSTED"),
        (RateLimited("no"), "rate_limit_error", "RESOURCE_EXHAUSTED"),
        (Unavailable("no"), "api_error", "UNAVAILABLE"),
        (ProviderFailed("no", status=529), "overloaded_error", "INTERNAL"),
        (GatewayError("no", status=418), "invalid_request_error", "INVALID_ARGUMENT"),
    ],
)
def test_a_failure_has_the_kind_that_the_dialects_clients_look_for(
    failure: GatewayError, anthropic: str, google: str
) -> None:
    said = anthropic_error(failure)
    assert (said["type"], said["error"]["type"], said["error"]["message"]) == ("error", anthropic, "no")
    error = gemini_error(failure)["error"]
    assert (error["code"], error["status"], error["message"]) == (failure.status, google, "no")


def test_our_own_type_and_field_are_not_lost_on_the_way() -> None:
    failure = InvalidRequest("no", param="n", type="bad", fields={"provider": "x", "type": "never"})
    assert anthropic_error(failure)["error"] == {
        **{"type": "invalid_request_error", "message": "no", "code": "bad", "param": "n", "provider": "x"}
    }
    (info,) = gemini_error(failure)["error"]["details"]
    assert (info["reason"], info["metadata"]) == ("BAD", {"provider": "x", "type": "never", "param": "n"})


def test_google_is_told_nothing_of_what_is_not_known() -> None:
    (info,) = gemini_error(InvalidRequest("no", fields={"spend": "1", "reset_at": None}))["error"]["details"]
    assert info["metadata"] == {"spend": "1"}


def test_google_is_told_when_to_ask_again() -> None:
    _, retry = gemini_error(RateLimited("no", retry_after_s=7))["error"]["details"]
    assert retry == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}


def test_an_error_in_a_stream_is_an_event_as_the_dialect_writes_them() -> None:
    failure = Unavailable("gone")
    for dialect, start in (("openai", b"data: "), ("anthropic", b"event: error\ndata: "), ("gemini", b"data: ")):
        event = error_event(failure, dialect)
        assert event == start + error_body(failure, dialect) + b"\n\n"
        json.loads(event.removeprefix(start))


def test_anthropics_clients_find_the_id_where_they_look() -> None:
    assert dict(id_headers("req_1", b"", "anthropic"))[b"request-id"] == b"req_1"
    assert dict(id_headers("req_1", b"own", "openai")) == {b"x-request-id": b"own", b"x-litellm-call-id": b"req_1"}
