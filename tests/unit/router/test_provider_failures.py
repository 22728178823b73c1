from typing import Any

import orjson
import pytest

from services.router.providers.answers.failures import (
    MESSAGE_MAX,
    is_context_failure,
    is_policy_failure,
    provider_failure,
)


def failure(status: int, body: Any) -> Any:
    return provider_failure("groq", status, body if isinstance(body, bytes) else orjson.dumps(body))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "provider_auth_error"),
        (402, "provider_auth_error"),
        (403, "provider_auth_error"),
        (404, "not_found_error"),
        (408, "timeout_error"),
        (409, "invalid_request_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "throttling_error"),
        (451, "invalid_request_error"),
        (500, "internal_server_error"),
        (502, "internal_server_error"),
        (503, "service_unavailable"),
        (504, "timeout_error"),
        (529, "internal_server_error"),
    ],
)
def test_a_failure_keeps_the_providers_status_and_has_a_type(status: int, kind: str) -> None:
    told = failure(status, {"error": {"message": "no"}})
    assert (told.status, told.type, told.message) == (status, kind, f"groq answered {status}: no")


@pytest.mark.parametrize("status", [600, 999])
def test_a_status_that_is_none_becomes_a_bad_gateway(status: int) -> None:
    assert failure(status, {}).status == 502


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "m", "type": "t", "code": "c", "param": "p"}}, "m", "c"),
        ({"error": {"message": "m", "type": "t", "code": None}}, "m", "t"),
        ({"error": {"message": "m", "code": 429}}, "m", None),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, "m", "overloaded_error"),
        ([{"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}], "bad", "INVALID_ARGUMENT"),
        ({"error": "just words"}, "just words", None),
        ({"message": "m", "code": "c"}, "m", "c"),
        ({"detail": "Not Found"}, "Not Found", None),
        ({"detail": [{"loc": ["body"], "msg": "x"}]}, '[{"loc":["body"],"msg":"x"}]', None),
        ({"error": {"message": {"why": 1}}}, '{"why":1}', None),
        ({"error": None}, '{"error":null}', None),
        (b"<html>Bad gateway</html>", "<html>Bad gateway</html>", None),
        (b"\xff\xfe", "\ufffd\ufffd", None),
        (b"[1, 2]", "[1, 2]", None),
        (b"", "no message", None),
    ],
)  # fmt: skip
def test_the_providers_words_and_code_are_found_in_every_form(body: Any, message: str, code: str | None) -> None:
    told = failure(400, body)
    assert told.message == f"groq answered 400: {message}"
    assert told.fields == {"provider": "groq", "provider_code": code}


def test_the_field_concerned_is_passed_on() -> None:
    assert failure(400, {"error": {"message": "m", "param": "temperature"}}).param == "temperature"
    assert failure(400, {"error": {"message": "m", "param": 3}}).param is None


def test_a_long_message_is_cut() -> None:
    assert len(failure(500, {"error": {"message": "x" * 100_000}}).message) < MESSAGE_MAX + 50
    assert len(failure(500, b"x" * 100_000).message) < MESSAGE_MAX + 50


def test_a_prompt_that_is_too_long_is_told_by_its_code_or_by_sentences_that_say_so() -> None:
    code = {"error": {"message": "no", "type": "invalid_request_error", "code": "context_length_exceeded"}}
    assert is_context_failure(failure(400, code))
    assert not is_context_failure(failure(400, {"error": {"message": "context_length_exceeded"}}))
    assert is_context_failure(failure(400, {"error": {"message": "The prompt is too long: 9 tokens > 8 maximum"}}))
    assert is_policy_failure(failure(400, {"error": {"message": "no", "code": "content_filter"}}))


@pytest.mark.parametrize("status", [401, 402, 404, 408, 429])
def test_words_do_not_outdo_a_status_that_says_what_is_wrong(status: int) -> None:
    told = failure(status, {"error": {"message": "prompt is too long", "code": "content_filter"}})
    assert (is_context_failure(told), is_policy_failure(told), told.status) == (False, False, status)
