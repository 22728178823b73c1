"""What goes wrong, and how the official `openai` SDK and plain HTTP see it."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

from tests.journey.recording_provider import RecordingProvider
from tests.running_gateway import RunningGateway

HELLO: Any = [{"role": "user", "content": "hello there"}]
SdkWith = Callable[[str], openai.OpenAI]


def error_of(failure: openai.APIStatusError) -> dict[str, Any]:
    """Return the error object of the answer, in the one shape that all have."""
    error = failure.response.json()["error"]
    assert error.keys() >= {"message", "type", "param", "code"}
    assert error["code"] == str(failure.status_code)
    return dict(error)


def test_a_wrong_key_is_an_authentication_error(sdk_with: SdkWith) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        sdk_with("sk-wrong").chat.completions.create(model="demo", messages=HELLO)
    assert error_of(caught.value)["type"] == "token_not_found_in_db"
    with pytest.raises(openai.AuthenticationError) as caught:
        sdk_with("no-key-at-all").chat.completions.create(model="demo", messages=HELLO)
    assert error_of(caught.value)["type"] == "auth_error"


def test_no_key_is_refused_in_litellms_words(gateway: RunningGateway) -> None:
    answer = httpx.post(f"{gateway.url}/v1/chat/completions", json={"model": "demo", "messages": HELLO})
    assert answer.json()["error"] == {
        "message": "Authentication Error, No api key passed in.",
        **{"type": "auth_error", "param": "None", "code": "401"},
    }


def test_an_unknown_model_is_a_bad_request_that_names_the_usable_ones(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.chat.completions.create(model="gpt-9", messages=HELLO)
    error = error_of(caught.value)
    assert error["param"] == "model"
    assert "Invalid model name passed in model=gpt-9" in error["message"]
    assert "demo" in error["message"]


def test_a_model_of_others_is_a_permission_error_and_not_listed(new_key: Callable[..., str], sdk_with: SdkWith) -> None:
    limited = sdk_with(new_key(models=["demo"]))
    assert [model.id for model in limited.models.list()] == ["demo", "nickname"]
    with pytest.raises(openai.PermissionDeniedError) as caught:
        limited.chat.completions.create(model="recorded", messages=HELLO)
    assert error_of(caught.value)["type"] == "key_model_access_denied"
    assert limited.chat.completions.create(model="nickname", messages=HELLO).choices


def test_a_route_the_key_may_not_call_is_a_permission_error(new_key: Callable[..., str], sdk_with: SdkWith) -> None:
    elsewhere = sdk_with(new_key(allowed_routes=["/v1/models"]))
    assert elsewhere.models.list().data
    with pytest.raises(openai.PermissionDeniedError) as caught:
        elsewhere.chat.completions.create(model="demo", messages=HELLO)
    assert error_of(caught.value)["type"] == "key_route_access_denied"


def test_an_expired_key_is_an_authentication_error(
    new_key: Callable[..., str], sdk_with: SdkWith, eventually: Callable[..., Any]
) -> None:
    short = sdk_with(new_key(duration="1s"))

    def refused() -> dict[str, Any] | None:
        try:
            short.chat.completions.create(model="demo", messages=HELLO)
        except openai.AuthenticationError as failure:
            return error_of(failure)
        return None

    error = eventually(refused, 3.0)
    assert error["type"] == "expired_key"
    assert error["message"].startswith("Authentication Error - Expired Key. Key Expiry time")


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ('{"model": "demo", "messages": [', "request_body", "line 1 column 32 (char 31)"),
        ("", "request_body", "the body is empty"),
        ('{"model": "demo"}', "messages", "Missing required parameter: 'messages'"),
        ('{"messages": [{"role": "user", "content": "hi"}]}', "model", "Missing required parameter: 'model'"),
        ('{"model": "demo", "messages": "hi"}', "messages", "'messages': Expected `array`, got `str`"),
        ('{"model": "demo", "messages": [{"role": 1}]}', "messages[0].role", "Expected `str`, got `int`"),
        ('{"model": 7, "messages": [{"role": "user"}]}', "model", "Expected `str | null`, got `int`"),
        ('{"model": "demo", "messages": [{"role": "user"}], "max_tokens": 0}', "max_tokens", "at least 1"),
        ('{"model": "demo", "messages": [{"role": "user"}], "n": 10000000000}', "n", "at most"),
    ],
)
def test_what_is_wrong_with_a_body_is_said_with_its_place(
    master: httpx.Client, body: str, param: str, words: str
) -> None:
    answer = master.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, "400")
    assert words in error["message"]


def test_bytes_that_are_no_text_are_refused_and_the_gateway_goes_on(master: httpx.Client) -> None:
    for content in (b"\xff\xfe\x00", b'{"model":"demo","messages":[{"role":"user","content":"\xff"}]}', b"[" * 500_000):
        answer = master.post("/v1/chat/completions", content=content)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "request_body")
    assert master.post("/v1/chat/completions", json={"model": "demo", "messages": HELLO}).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [("x-litellm-timeout", "soon"), ("x-litellm-num-retries", "-1"), ("x-litellm-tags", "t" * 20_000)],
)
def test_a_header_that_makes_no_sense_is_named(master: httpx.Client, name: str, value: str) -> None:
    answer = master.post("/v1/chat/completions", json={"model": "demo", "messages": HELLO}, headers={name: value})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)


@pytest.mark.parametrize(
    ("status", "expected", "kind"),
    [
        (400, openai.BadRequestError, "invalid_request_error"),
        (401, openai.AuthenticationError, "provider_auth_error"),
        (403, openai.PermissionDeniedError, "provider_auth_error"),
        (404, openai.NotFoundError, "not_found_error"),
        (422, openai.UnprocessableEntityError, "invalid_request_error"),
        (429, openai.RateLimitError, "throttling_error"),
        (500, openai.InternalServerError, "internal_server_error"),
        (503, openai.InternalServerError, "service_unavailable"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_providers_failure_keeps_its_status_and_its_words(
    sdk: openai.OpenAI, status: int, expected: type[openai.APIStatusError], kind: str, stream: bool
) -> None:
    script = {"simulated": {"status": status, "message": "the provider's own words"}}
    with pytest.raises(expected) as caught:
        sdk.chat.completions.create(model="demo", messages=HELLO, stream=stream, extra_body=script)
    error = error_of(caught.value)
    assert (caught.value.status_code, error["type"]) == (status, kind)
    assert "the provider's own words" in error["message"]
    assert caught.value.response.headers["x-litellm-call-id"].startswith("req_")


def test_a_stream_that_breaks_off_ends_with_an_error_and_no_done(master: httpx.Client, sdk: openai.OpenAI) -> None:
    script = {"text": "one two three four", "fail_after_chunks": 2, "message": "the provider fell over"}
    body = {"model": "demo", "messages": HELLO, "stream": True, "simulated": script}
    answer = master.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200
    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    assert "[DONE]" not in events
    error = json.loads(events[-1])["error"]
    assert "the provider fell over" in error["message"]
    assert len(events) >= 3
    seen = []

    def read_on() -> None:
        for chunk in sdk.chat.completions.create(
            model="demo", messages=HELLO, stream=True, extra_body={"simulated": script}
        ):
            seen.extend([choice.delta.content or "" for choice in chunk.choices])

    with pytest.raises(openai.APIError, match="the provider fell over"):
        read_on()
    assert "".join(seen).startswith("one")


def test_a_deployment_without_its_key_says_which_variable_is_missing(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        sdk.chat.completions.create(model="no-credential", messages=HELLO)
    error = error_of(caught.value)
    assert error["type"] == "provider_credentials_missing"
    assert "NO" in error["message"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("how", ["header", "body"])
def test_an_answer_that_does_not_come_before_the_deadline_is_a_504(sdk: openai.OpenAI, stream: bool, how: str) -> None:
    late: dict[str, Any] = {"simulated": {"delay_ms": 5_000}}
    if how == "body":
        late["timeout"] = 0.3
    headers = {"x-litellm-timeout": "0.3"} if how == "header" else {}
    with pytest.raises(openai.InternalServerError) as caught:
        sdk.chat.completions.create(model="demo", messages=HELLO, stream=stream, extra_body=late, extra_headers=headers)
    assert caught.value.status_code == 504
    assert error_of(caught.value)["type"] == "timeout_error"


def test_a_guardrail_blocks_before_any_provider_is_asked(
    sdk: openai.OpenAI, master: httpx.Client, provider: RecordingProvider, eventually: Callable[..., Any]
) -> None:
    messages: Any = [{"role": "user", "content": "tell me about Project-Zebra please"}]
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.chat.completions.create(model="recorded", messages=messages)
    error = error_of(caught.value)
    assert "project-zebra" in json.dumps(error).lower()
    request_id = caught.value.response.headers["x-litellm-call-id"]
    (row,) = eventually(lambda: master.get("/spend/logs", params={"request_id": request_id}).json(), 3.0)
    assert (row["spend"], row["status"]) == (0, "failure")
    assert provider.asked_with("Zebra") == []


def test_other_methods_on_the_chat_route_are_told_which_one_it_takes(master: httpx.Client) -> None:
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        answer = master.request(method, "/v1/chat/completions")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert master.get("/v1/nowhere").json()["error"]["type"] == "not_found_error"


HELLO_THERE = [{"role": "user", "content": "hello there"}]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (
            "/v1/chat/completions",
            {"model": "strict-gemini", "messages": HELLO_THERE, "logit_bias": {"1": 1}},
            "logit_bias",
        ),
        ("/v1/messages", {"model": "strict-gpt", "max_tokens": 9, "messages": HELLO_THERE, "top_k": 3}, "top_k"),
        ("/v1/responses", {"model": "strict-gpt", "input": "hello there", "background": True}, "background"),
        (
            "/v1beta/models/strict-gpt:generateContent",
            {"contents": [{"parts": [{"text": "hello there"}]}], "cachedContent": "cachedContents/x"},
            "cachedContent",
        ),
        ("/v1/completions", {"model": "strict-gemini", "prompt": "hello there", "echo": True}, "echo"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_provider_lacks_is_left_out_where_the_request_says_so(
    master: httpx.Client, path: str, body: dict[str, Any], field: str
) -> None:
    refused = master.post(path, json=body)
    assert (refused.status_code, field in refused.text, "drop_params: true" in refused.text) == (400, True, True)
    answered = master.post(path, json={**body, "drop_params": True})
    assert answered.status_code == 200, answered.text
    assert "Hello there!" in answered.text
