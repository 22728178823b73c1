"""Failures as HTTP: the shape OpenAI's clients parse, with LiteLLM's quirks."""

import json
from decimal import Decimal

import pytest

from services.edge.http.asgi import Event
from services.edge.http.error_dialects import openai_error
from services.edge.http.error_response import error_body, error_event, error_headers, send_error
from shared.errors import (
    AccessDenied,
    AuthenticationFailed,
    BudgetExceeded,
    GatewayError,
    InvalidRequest,
    RateLimited,
    Unavailable,
)


def test_an_error_has_openais_four_fields_and_its_code_is_text() -> None:
    failure = InvalidRequest("no", param="n")
    assert openai_error(failure) == {
        "error": {"message": "no", "type": "invalid_request_error", "param": "n", "code": "400"}
    }


def test_param_is_null_where_no_field_is_to_blame() -> None:
    assert openai_error(Unavailable("away"))["error"]["param"] is None
    assert openai_error(BudgetExceeded("over"))["error"]["param"] is None


def test_authentication_errors_have_litellms_none_as_text() -> None:
    assert openai_error(AuthenticationFailed("no"))["error"]["param"] == "None"
    assert openai_error(AuthenticationFailed("no", type="expired_key", param="sk-...abcd"))["error"]["param"] == (
        "sk-...abcd"
    )
    assert openai_error(AccessDenied("no", type="key_route_access_denied"))["error"]["param"] is None


def test_further_fields_stand_beside_the_four() -> None:
    failure = BudgetExceeded("over", fields={"spend": Decimal("1.50"), "max_budget": 1})
    assert json.loads(error_body(failure))["error"] == {
        **{"message": "over", "type": "budget_exceeded", "param": None, "code": "422"},
        **{"spend": "1.50", "max_budget": 1},
    }


@pytest.mark.parametrize("seconds", [0, 1, 60])
def test_retry_after_is_sent_where_waiting_helps(seconds: int) -> None:
    assert error_headers(RateLimited("slow", retry_after_s=seconds)) == [(b"retry-after", str(seconds).encode())]
    assert error_headers(RateLimited("slow")) == []


def test_a_failure_can_have_headers_of_its_own() -> None:
    failure = GatewayError.from_dict(RateLimited("slow", retry_after_s=3, headers=(("reset_at", "x"),)).to_dict())
    assert error_headers(failure) == [(b"reset_at", b"x"), (b"retry-after", b"3")]


def test_an_event_of_a_stream_holds_the_same_error_and_no_done() -> None:
    event = error_event(Unavailable("away"))
    assert event.startswith(b"data: {")
    assert event.endswith(b"}\n\n")
    assert json.loads(event[6:]) == openai_error(Unavailable("away"))
    assert b"[DONE]" not in event


def test_a_message_of_several_lines_stays_one_event() -> None:
    assert error_event(GatewayError("one\ntwo\n\ndata: [DONE]\n\n")).count(b"\n") == 2


async def test_an_error_is_sent_whole_with_its_length_and_headers() -> None:
    sent: list[Event] = []

    async def send(event: Event) -> None:
        sent.append(event)

    failure = Unavailable("wäit", retry_after_s=1)
    await send_error(send, failure, (b"x-request-id", b"r1"))
    start, body = sent
    assert start["status"] == 503
    assert start["headers"] == [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body["body"])).encode()),
        (b"x-request-id", b"r1"),
        (b"retry-after", b"1"),
    ]
    assert json.loads(body["body"])["error"]["message"] == "wäit"


def test_a_failure_is_the_same_after_it_crossed_the_bus() -> None:
    failure = BudgetExceeded("over", param="x", retry_after_s=3, fields={"spend": 1}, status=429)
    assert openai_error(GatewayError.from_dict(failure.to_dict())) == openai_error(failure)
    assert error_headers(GatewayError.from_dict(failure.to_dict())) == error_headers(failure)
