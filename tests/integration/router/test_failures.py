"""Retries, the next deployment, fallback models, cooldowns and time limits, with providers that fail for real."""

import asyncio
import socket
import time
from typing import Any

import pytest

from services.router.choice import plan
from tests.integration.router.conftest import Start, at
from tests.integration.router.rig import Caller
from tests.provider_servers import AnthropicServer, AzureServer, Behaviour, OpenAIServer


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "BACKOFF_FIRST_S", 0.05)


def failure(answer: Any) -> dict[str, Any]:
    assert answer.failure is not None
    told: dict[str, Any] = answer.failure
    return told


NEVER_S = 3_600.0
"""Later than anybody waits here: an answer that comes all the same did not wait for it."""

NOBODY: dict[str, Any] = {"model": "openai/gpt-4o", "api_key": "k"}


@pytest.fixture
def nobody() -> Any:
    """An address where the connection is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield {**NOBODY, "api_base": f"http://127.0.0.1:{taken.getsockname()[1]}/v1"}


# retries


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
async def test_a_failure_that_may_pass_is_retried(
    start: Start, caller: Caller, openai_server: OpenAIServer, status: int, stream: bool
) -> None:
    await start(router_settings={"num_retries": 2})
    openai_server.next(Behaviour(status=status), Behaviour(status=status))
    answer = await caller.ask("gpt", more={"stream": stream})
    assert answer.text == "Hello there!"
    assert answer.headers["x-litellm-attempted-retries"] == "2"
    fact = await caller.fact(answer)
    assert ([attempt.status for attempt in fact.attempts], fact.retries) == ([status, status, 200], 2)
    assert f"The server says {status}." in fact.attempts[0].error
    assert fact.outcome == "success"


async def test_retries_pause_and_the_pauses_grow(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start(router_settings={"num_retries": 2})
    openai_server.next(Behaviour(status=500), Behaviour(status=500))
    first, second, third = (await caller.fact(await caller.ask("gpt"))).attempts
    assert second.started_ms - first.started_ms >= 0.75 * 50 - 1, "each is a whole number of milliseconds"
    assert third.started_ms - second.started_ms >= 0.75 * 100 - 1


async def test_the_provider_says_how_long_to_wait(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start(router_settings={"num_retries": 1})
    openai_server.next(Behaviour(status=429, headers={"retry-after": "1"}))
    began = time.monotonic()
    assert (await caller.ask("gpt")).text == "Hello there!"
    assert time.monotonic() - began >= 1.0


async def test_a_long_wait_is_not_waited_for(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start(router_settings={"num_retries": 2, "fallbacks": [{"gpt": ["groq"]}]})
    openai_server.next(Behaviour(status=429, headers={"retry-after": "3600"}))
    answer = await caller.ask("gpt")
    assert answer.text == "Hello there!"
    fact = await caller.fact(answer)
    assert ([a.provider for a in fact.attempts], fact.fallbacks) == (["openai", "groq"], 1)
    openai_server.next(Behaviour(status=429, headers={"retry-after": "3600"}))
    alone = await caller.ask("gpt", disable_fallbacks=True)
    assert failure(alone)["status"] == 429
    assert failure(alone)["retry_after_s"] == 3600
    assert len((await caller.fact(alone)).attempts) == 1


async def test_the_least_pause_is_a_setting(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start(router_settings={"num_retries": 1, "retry_after": 0.4})
    openai_server.next(Behaviour(status=500))
    began = time.monotonic()
    await caller.ask("gpt")
    assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_the_callers_mistake_is_not_retried(
    start: Start, caller: Caller, openai_server: OpenAIServer, status: int
) -> None:
    await start()
    openai_server.next(Behaviour(status=status))
    answer = await caller.ask("gpt")
    assert failure(answer)["status"] == status
    assert f"The server says {status}." in failure(answer)["message"]
    assert len(openai_server.received) == 1
    fact = await caller.fact(answer)
    assert (fact.outcome, fact.status, fact.usage, fact.cost_pico) == ("failure", status, {}, 0)


async def test_a_client_may_ask_for_no_retry_and_for_more(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start(router_settings={"num_retries": 1})
    openai_server.always = Behaviour(status=503)
    assert failure(await caller.ask("gpt", num_retries=0))["status"] == 503
    assert len(openai_server.received) == 1
    await caller.ask("gpt", num_retries=3)
    assert len(openai_server.received) == 1 + 4


# the next deployment


async def test_azure_first_then_openai(
    start: Start,
    caller: Caller,
    azure_server: AzureServer,
    openai_server: OpenAIServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The configuration that LiteLLM's users know, its keys and addresses from the environment."""
    monkeypatch.setenv("AZURE_API_KEY", azure_server.key)
    monkeypatch.setenv("OPENAI_API_KEY", openai_server.key)
    monkeypatch.setenv("OPENAI_BASE_URL", openai_server.url)
    models = [
        ("gpt-4", {"model": "azure/gpt-4", "api_base": azure_server.origin}),
        ("gpt-4", {"model": "openai/gpt-4"}),
    ]
    await start(models)
    first = await caller.ask("gpt-4")
    assert (len(azure_server.received), len(openai_server.received)) == (1, 0)
    azure_server.next(Behaviour(status=500))
    second = await caller.stream("gpt-4")
    assert second.text == first.text == "Hello there!"
    fact = await caller.fact(second)
    assert [(attempt.provider, attempt.status) for attempt in fact.attempts] == [("azure", 500), ("openai", 200)]
    assert (fact.provider, fact.retries, fact.fallbacks) == ("openai", 1, 0)
    assert second.headers["x-litellm-model-name"] == "openai/gpt-4"


async def test_a_missing_key_is_reported_and_the_next_deployment_used(
    start: Start, caller: Caller, azure_server: AzureServer, openai_server: OpenAIServer
) -> None:
    azure = {"model": "azure/gpt-4", "api_base": azure_server.origin}
    await start([("gpt", azure), ("gpt", at(openai_server)), ("alone", azure)], router_settings={"num_retries": 1})
    answer = await caller.ask("gpt")
    assert answer.text == "Hello there!"
    fact = await caller.fact(answer)
    assert "set AZURE_API_KEY" in fact.attempts[0].error
    assert azure_server.received == []
    alone = await caller.ask("alone")
    assert failure(alone)["status"] == 500
    assert failure(alone)["type"] == "provider_credentials_missing"
    assert "set AZURE_API_KEY" in failure(alone)["message"]
    openai_server.next(Behaviour(status=500))
    assert (await caller.ask("gpt")).text == "Hello there!", "the missing key cost no retry"
    assert (await caller.ask("gpt")).text == "Hello there!", "the deployments are as healthy as they were"


async def test_a_reference_to_an_unset_variable_is_reported_when_called(start: Start, caller: Caller) -> None:
    await start([("gpt", {"model": "openai/gpt-4o", "api_key": "os.environ/MY_OPENAI_KEY"})])
    assert "MY_OPENAI_KEY" in failure(await caller.ask("gpt"))["message"]


async def test_a_provider_without_an_adapter_is_reported_when_called(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    models = [("m", {"model": "petals/x"}), ("m", at(openai_server)), ("alone", {"model": "petals/x"})]
    await start(models)
    assert (await caller.ask("m")).text == "Hello there!"
    told = failure(await caller.ask("alone"))
    assert (told["status"], told["type"]) == (500, "provider_not_supported")
    assert "petals" in told["message"]


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refused_key_is_not_tried_again_at_the_same_deployment(
    start: Start, caller: Caller, openai_server: OpenAIServer, other_server: OpenAIServer, status: int
) -> None:
    await start([("gpt", at(openai_server)), ("gpt", at(other_server))], router_settings={"num_retries": 3})
    openai_server.always = Behaviour(status=status)
    assert (await caller.ask("gpt")).text == "Hello there!"
    other_server.always = Behaviour(status=500)
    answer = await caller.ask("gpt")
    assert failure(answer)["status"] == 500
    assert "openai/gpt-4o: openai answered" in failure(answer)["message"], "what else was tried is told"
    tried = [attempt.status for attempt in (await caller.fact(answer)).attempts]
    assert tried.count(status) <= 1
    assert tried.count(500) == 4


async def test_nobody_at_the_address_is_told_and_the_next_one_used(
    start: Start, caller: Caller, openai_server: OpenAIServer, nobody: dict[str, Any]
) -> None:
    models = [("gpt", nobody), ("gpt", at(openai_server)), ("alone", nobody)]
    await start(models, router_settings={"num_retries": 1})
    assert (await caller.ask("gpt")).text == "Hello there!"
    alone = await caller.ask("alone")
    assert failure(alone)["status"] == 502
    assert "could not be reached" in failure(alone)["message"]
    assert len((await caller.fact(alone)).attempts) == 2


@pytest.mark.parametrize("base", ["ftp://x", "no-scheme", "http://"])
async def test_an_address_that_is_none_is_told_and_not_tried_again(start: Start, caller: Caller, base: str) -> None:
    await start([("gpt", {"model": "openai/gpt-4o", "api_key": "k", "api_base": base})])
    answer = await caller.ask("gpt")
    assert "api_base" in failure(answer)["message"]
    assert len((await caller.fact(answer)).attempts) == 1


async def test_a_redirect_is_told_and_not_followed(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start()
    openai_server.next(Behaviour(status=307, headers={"location": "https://elsewhere.example/v1"}))
    answer = await caller.ask("gpt")
    assert failure(answer)["status"] == 502
    assert "https://elsewhere.example/v1" in failure(answer)["message"]
    assert len(openai_server.received) == 1


BROKEN = {
    "hung up unread": Behaviour(hang_up="unread"),
    "hung up unanswered": Behaviour(hang_up="unanswered"),
    "hung up after the head": Behaviour(hang_up="after head"),
    "an answer that is no JSON": Behaviour(body=b"<html>busy</html>"),
    "an error with status 200": Behaviour(body=b'{"error":{"message":"busy","code":503}}'),
    "not HTTP": Behaviour(raw=b"SSH-2.0\r\n"),
    "broken compression": Behaviour(body=b"not gzip", headers={"content-encoding": "gzip"}),
}
BROKEN_WHOLE = {**BROKEN, "hung up in the body": Behaviour(hang_up="in body")}
BROKEN_STREAM = {
    **BROKEN,
    "broke before the first event": Behaviour(break_after=0),
    "ended before the first event": Behaviour(end_after=0),
    "an error in place of the first event": Behaviour(error_after=0),
}
CASES = [(False, how) for how in BROKEN_WHOLE.values()] + [(True, how) for how in BROKEN_STREAM.values()]


@pytest.mark.parametrize(("stream", "how"), CASES, ids=[*BROKEN_WHOLE, *[f"stream, {name}" for name in BROKEN_STREAM]])
async def test_an_answer_that_breaks_before_its_first_byte_is_tried_elsewhere(
    start: Start, caller: Caller, openai_server: OpenAIServer, other_server: OpenAIServer, stream: bool, how: Behaviour
) -> None:
    await start([("gpt", at(openai_server)), ("gpt", at(other_server))], router_settings={"num_retries": 0})
    openai_server.next(how)
    answer = await caller.ask("gpt", more={"stream": stream})
    assert answer.text == "Hello there!"
    attempts = (await caller.fact(answer)).attempts
    assert [attempt.status >= 500 for attempt in attempts] == [True, False]
    assert attempts[0].error


# fallbacks


async def test_fallback_models_serve_when_all_tries_failed(
    start: Start, caller: Caller, openai_server: OpenAIServer, anthropic_server: AnthropicServer
) -> None:
    await start(router_settings={"num_retries": 1, "fallbacks": [{"gpt": ["azure", "claude"]}]})
    openai_server.always = Behaviour(status=500)
    anthropic_server.always = Behaviour()
    answer = await caller.stream("gpt")
    assert answer.text == "Hello there!"
    assert answer.headers["x-litellm-attempted-fallbacks"] == "1"
    assert answer.headers["x-litellm-model-group"] == "gpt"
    fact = await caller.fact(answer)
    assert ([attempt.provider for attempt in fact.attempts], fact.fallbacks, fact.retries) == (
        ["openai", "openai", "azure"], 1, 1,
    )  # fmt: skip
    assert fact.provider == "azure"


async def test_fallbacks_can_be_switched_off_by_the_client(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start(router_settings={"num_retries": 0, "default_fallbacks": ["groq"]})
    openai_server.always = Behaviour(status=500)
    assert (await caller.ask("gpt")).text == "Hello there!"
    assert failure(await caller.ask("gpt", disable_fallbacks=True))["status"] == 500


async def test_a_request_one_provider_refuses_another_model_may_take(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start(router_settings={"fallbacks": [{"claude": ["gpt"]}]})
    answer = await caller.ask("claude", more={"logit_bias": {"1": 2}})
    assert answer.text == "Hello there!"
    assert (await caller.fact(answer)).attempts[0].status == 400


TOO_LONG = {"error": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}}


async def test_a_prompt_that_is_too_long_goes_to_the_model_for_long_ones(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    settings = {"fallbacks": [{"gpt": ["groq"]}], "context_window_fallbacks": [{"gpt": ["claude"]}]}
    await start(router_settings=settings)
    openai_server.always = Behaviour(status=400, error=TOO_LONG)
    answer = await caller.ask("gpt")
    fact = await caller.fact(answer)
    assert [attempt.provider for attempt in fact.attempts] == ["openai", "anthropic"]
    assert fact.fallbacks == 1


async def test_what_a_provider_will_not_answer_goes_to_the_model_for_that(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    settings = {"fallbacks": [{"gpt": ["groq"]}], "content_policy_fallbacks": [{"gpt": ["claude"]}]}
    await start(router_settings=settings)
    refused = {"error": {"message": "The response was filtered", "code": "content_filter", "status": 400}}
    openai_server.next(Behaviour(status=400, error=refused))
    answer = await caller.ask("gpt")
    assert [attempt.provider for attempt in (await caller.fact(answer)).attempts] == ["openai", "anthropic"]
    openai_server.next(Behaviour(status=400, error=refused))
    told = failure(await caller.ask("gpt", disable_fallbacks=True))
    assert (told["status"], told["fields"]["reason"]) == (400, "content_policy_violation")


async def test_when_everything_fails_the_last_failure_is_shown_and_the_others_told(
    start: Start, caller: Caller, openai_server: OpenAIServer, other_server: OpenAIServer
) -> None:
    await start(router_settings={"num_retries": 0, "fallbacks": [{"gpt": ["groq"]}]})
    openai_server.always = Behaviour(status=500, error={"error": {"message": "x" * 5_000}})
    other_server.always = Behaviour(status=503)
    answer = await caller.ask("gpt")
    told = failure(answer)
    assert told["status"] == 503
    assert told["message"].startswith("groq answered 503: The server says 503.")
    assert "openai/gpt-4o: openai answered 500: xxx" in told["message"]
    assert len(told["message"]) < 1_000
    fact = await caller.fact(answer)
    assert (fact.status, fact.provider, fact.usage_source) == (503, "groq", "none")


# cooldown


async def test_a_deployment_that_keeps_failing_is_left_alone_for_a_while(
    start: Start, caller: Caller, openai_server: OpenAIServer, other_server: OpenAIServer
) -> None:
    settings = {"num_retries": 0, "allowed_fails": 1, "cooldown_time": 0.5}
    await start([("gpt", at(openai_server)), ("gpt", at(other_server))], router_settings=settings)
    openai_server.always = Behaviour(status=500)
    for _ in range(2):
        await caller.ask("gpt")
    assert len(openai_server.received) == 2
    await caller.ask("gpt")
    assert len(openai_server.received) == 2, "it cools down"
    openai_server.always = Behaviour()
    await asyncio.sleep(0.55)
    await caller.ask("gpt")
    assert len(openai_server.received) == 3


async def test_one_that_cools_down_is_better_than_none(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start(router_settings={"num_retries": 0, "cooldown_time": 60})
    openai_server.next(Behaviour(status=401))
    assert failure(await caller.ask("gpt"))["status"] == 401
    assert (await caller.ask("gpt")).text == "Hello there!"


async def test_a_clients_own_impatience_cools_nothing_down(
    start: Start, caller: Caller, openai_server: OpenAIServer, other_server: OpenAIServer
) -> None:
    settings = {"num_retries": 0, "allowed_fails": 0, "cooldown_time": 60}
    await start([("gpt", at(openai_server)), ("gpt", at(other_server))], router_settings=settings)
    openai_server.next(Behaviour(delay_s=0.3))
    assert (await caller.ask("gpt", timeout_s=0.1)).text == "Hello there!"
    await caller.ask("gpt")
    assert len(openai_server.received) == 2


# time


@pytest.mark.parametrize("stream", [False, True])
async def test_a_deployments_time_limit(
    start: Start, caller: Caller, openai_server: OpenAIServer, other_server: OpenAIServer, stream: bool
) -> None:
    limit: dict[str, Any] = {"stream_timeout": 0.2} if stream else {"timeout": 0.2}
    await start([("gpt", at(openai_server, **limit)), ("gpt", at(other_server))])
    openai_server.next(Behaviour(delay_s=NEVER_S))
    answer = await caller.ask("gpt", more={"stream": stream})
    assert answer.text == "Hello there!"
    fact = await caller.fact(answer)
    assert fact.attempts[0].status == 504
    assert fact.attempts[0].duration_ms >= 200


async def test_the_limit_holds_for_the_whole_answer_not_for_each_part_of_it(
    start: Start, caller: Caller, openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start([("gpt", at(openai_server, timeout=0.4))], router_settings={"num_retries": 0})
    monkeypatch.setattr(openai_server, "streams", lambda request: True)  # though nobody asks for a stream
    openai_server.next(Behaviour(chunk_delay_s=0.05, text=" ".join(["word"] * 10_000)))
    answer = await caller.ask("gpt")
    assert failure(answer)["status"] == 504


async def test_a_streams_limit_is_for_its_first_event_and_then_for_silence(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start([("gpt", at(openai_server, stream_timeout=1.0))], router_settings={"num_retries": 0})
    words = " ".join(["word"] * 25)
    openai_server.next(Behaviour(chunk_delay_s=0.05, text=words))
    began = time.monotonic()
    assert (await caller.stream("gpt")).text == words
    assert time.monotonic() - began > 1.0, "as a whole it took longer than the limit"
    openai_server.next(Behaviour(stall_after=3))
    stalled = await caller.stream("gpt")
    assert failure(stalled)["status"] == 504
    assert stalled.text == "Hello there!"


async def test_a_requests_own_time_limit(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start()
    openai_server.always = Behaviour(delay_s=NEVER_S)
    answer = await caller.ask("gpt", timeout_s=0.2, num_retries=1)
    assert failure(answer)["status"] == 504
    assert len((await caller.fact(answer)).attempts) == 2


async def test_nothing_begins_or_goes_on_past_the_deadline(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start(router_settings={"num_retries": 50})
    openai_server.always = Behaviour(status=500)
    deadline_ms = int((time.time() + 1.0) * 1_000)
    answer = await caller.ask("gpt", deadline_ms=deadline_ms)
    assert failure(answer)["status"] == 500
    attempts = (await caller.fact(answer)).attempts
    assert 1 < len(attempts) <= 50
    assert all(attempt.started_ms <= deadline_ms for attempt in attempts)
    openai_server.always = Behaviour(delay_s=NEVER_S)
    answer = await caller.ask("gpt", deadline_ms=int((time.time() + 0.3) * 1_000))
    assert failure(answer)["status"] == 504
    late = await caller.ask("gpt", deadline_ms=int((time.time() - 1) * 1_000))
    assert failure(late)["status"] == 504
    assert (await caller.fact(late)).attempts == ()


# in mid-stream


MID_STREAM = {
    "the connection breaks": (Behaviour(break_after=3), 502),
    "it ends too early": (Behaviour(end_after=3), 502),
    "the provider reports an error": (Behaviour(error_after=3), 502),
    "the connection breaks, without chunks": (Behaviour(break_after=3, until_close=True), 502),
}


@pytest.mark.parametrize("name", MID_STREAM)
async def test_a_stream_that_breaks_ends_in_a_failure_and_is_counted(
    start: Start, caller: Caller, openai_server: OpenAIServer, other_server: OpenAIServer, name: str
) -> None:
    behaviour, status = MID_STREAM[name]
    await start([("gpt", at(openai_server)), ("gpt", at(other_server))])
    openai_server.next(behaviour)
    answer = await caller.stream("gpt")
    assert failure(answer)["status"] == status
    assert answer.text == "Hello there!"
    assert b"[DONE]" not in answer.data
    assert other_server.received == [], "an answer that has begun cannot be tried elsewhere"
    fact = await caller.fact(answer)
    assert (fact.outcome, fact.status, fact.usage_source) == ("failure", status, "counted")
    assert fact.usage["output"] == 3
    assert fact.cost_pico > 0


async def test_anthropics_figures_are_known_even_of_a_stream_that_breaks(
    start: Start, caller: Caller, anthropic_server: AnthropicServer
) -> None:
    await start()
    anthropic_server.next(Behaviour(error_after=4))
    answer = await caller.stream("claude")
    assert failure(answer)["status"] == 529
    fact = await caller.fact(answer)
    assert (fact.usage_source, fact.usage["input"], fact.usage["output"]) == ("provider", 12, 1)


async def test_a_stream_whose_connection_stays_open_ends_all_the_same(
    start: Start, caller: Caller, openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.router.streaming.pump.END_WAIT_S", 0.2)
    await start()
    openai_server.next(Behaviour(open_after_end=True))
    answer = await caller.stream("gpt")
    assert answer.failure is None
    assert answer.data.endswith(b"data: [DONE]\n\n")
    assert (await caller.fact(answer)).usage_source == "provider"
