"""Rate limits as a client meets them: through a whole gateway, by the official SDK."""

import threading
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
SdkWith = Callable[[str], openai.OpenAI]


def asked(client: openai.OpenAI, **more: Any) -> Any:
    return client.chat.completions.with_raw_response.create(model="demo", messages=HELLO, **more)


def test_the_second_request_of_one_a_minute_is_refused_as_litellm_refuses_it(
    new_key: Callable[..., str], sdk_with: SdkWith
) -> None:
    client = sdk_with(new_key(rpm_limit=1))
    first = asked(client)
    assert first.headers["x-ratelimit-limit-requests"] == "1"
    assert first.headers["x-ratelimit-remaining-requests"] == "0"
    assert first.headers["x-ratelimit-api_key-remaining-requests"] == "0"
    with pytest.raises(openai.RateLimitError, match=r"Limit type: requests\. Current limit: 1, Remaining: 0") as caught:
        asked(client)
    answer = caught.value.response
    assert answer.json()["error"]["type"] == "throttling_error"
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert answer.headers["rate_limit_type"] == "requests"
    assert answer.headers["reset_at"].endswith("UTC")
    assert answer.headers["x-ratelimit-remaining-requests"] == "0"


def test_tokens_are_reserved_and_given_back(new_key: Callable[..., str], sdk_with: SdkWith) -> None:
    client = sdk_with(new_key(tpm_limit=1_000))
    for _ in range(3):  # each reserves 900 and uses two
        assert asked(client, max_tokens=900).headers["x-ratelimit-limit-tokens"] == "1000"
    asked(client, extra_body={"simulated": {"text": "one two three " * 50}})
    with pytest.raises(openai.RateLimitError, match="Limit type: tokens"):
        asked(client, max_tokens=900)


def test_an_answer_without_a_maximum_keeps_to_what_its_window_has_room_for(
    new_key: Callable[..., str], sdk_with: SdkWith
) -> None:
    client = sdk_with(new_key(tpm_limit=500))
    long = {"simulated": {"text": "one two three four " * 500}}
    for more in ({}, {"max_tokens": 5_000}):
        answer = client.chat.completions.create(model="demo", messages=HELLO, extra_body=long, **more)
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage is not None
        assert 0 < answer.usage.total_tokens < 500


def test_tokens_of_a_day_are_told_and_a_refusal_waits_for_the_day(
    new_key: Callable[..., str], sdk_with: SdkWith
) -> None:
    client = sdk_with(new_key(tpd_limit=400, tpm_limit=10_000))
    headers = asked(client, max_tokens=20).headers
    assert headers["x-ratelimit-api_key-limit-tokens-day"] == headers["x-ratelimit-limit-tokens"] == "400"
    assert 0 < int(headers["x-ratelimit-remaining-tokens"]) < 400
    assert headers["x-ratelimit-reset-tokens"].startswith(("23h59m", "24h"))
    text = "one two three four five six seven " * 5
    asked(client, max_tokens=60, extra_body={"simulated": {"text": text}})
    with pytest.raises(openai.RateLimitError, match="Limit type: tokens") as caught:
        asked(client, max_tokens=360)
    answer = caught.value.response
    assert answer.json()["error"]["window"] == "1d"
    assert 86_000 < int(answer.headers["retry-after"]) <= 86_460
    assert answer.headers["x-ratelimit-api_key-remaining-tokens-day"] == answer.headers["x-ratelimit-remaining-tokens"]


def test_requests_at_a_time_are_limited_and_their_slots_come_free(
    new_key: Callable[..., str], sdk_with: SdkWith
) -> None:
    client = sdk_with(new_key(max_parallel_requests=1))
    slow = {"delay_ms": 0, "chunk_delay_ms": 300, "text": "one two three"}
    with client.chat.completions.create(
        model="demo", messages=HELLO, stream=True, extra_body={"simulated": slow}
    ) as stream:
        next(iter(stream))
        with pytest.raises(openai.RateLimitError, match="Limit type: max_parallel_requests"):
            asked(client)
        assert list(stream)
    assert asked(client).status_code == 200


def test_a_limit_of_nothing_allows_nothing(new_key: Callable[..., str], sdk_with: SdkWith) -> None:
    for limit in ("rpm_limit", "tpm_limit", "max_parallel_requests"):
        with pytest.raises(openai.RateLimitError):
            asked(sdk_with(new_key(**{limit: 0})))


def test_a_model_has_limits_of_its_own(new_key: Callable[..., str], sdk_with: SdkWith) -> None:
    client = sdk_with(new_key(model_rpm_limit={"demo": 1}))
    asked(client)
    with pytest.raises(openai.RateLimitError):
        asked(client)
    client.chat.completions.create(model="recorded", messages=HELLO)


def test_a_team_shares_its_limit(master: httpx.Client, new_key: Callable[..., str], sdk_with: SdkWith) -> None:
    team = master.post("/team/new", json={"team_alias": "limited", "rpm_limit": 2}).json()["team_id"]
    clients = [sdk_with(new_key(team_id=team)) for _ in range(3)]
    for client in clients[:2]:
        assert asked(client).headers["x-ratelimit-team-limit-requests"] == "2"
    with pytest.raises(openai.RateLimitError, match="team"):
        asked(clients[2])


def test_an_end_user_is_limited_whichever_key_asks(
    master: httpx.Client, new_key: Callable[..., str], sdk_with: SdkWith
) -> None:
    assert master.post("/customer/new", json={"user_id": "busy-customer", "rpm_limit": 2}).status_code == 200
    for _ in range(2):
        asked(sdk_with(new_key()), user="busy-customer")
    with pytest.raises(openai.RateLimitError, match="end_user"):
        asked(sdk_with(new_key()), user="busy-customer")
    asked(sdk_with(new_key()), user="another-customer")


def test_refusals_are_counted_for_prometheus(
    master: httpx.Client,
    new_key: Callable[..., str],
    sdk_with: SdkWith,
    eventually: Callable[[Callable[[], Any], float], Any],
) -> None:
    with pytest.raises(openai.RateLimitError):
        asked(sdk_with(new_key(model_rpm_limit={"demo": 0})))
    with pytest.raises(openai.UnprocessableEntityError):
        sdk_with(new_key(max_budget=0.5)).chat.completions.create(model="unit", messages=HELLO)

    def told() -> bool:
        lines = [line for line in master.get("/metrics/").text.splitlines() if "meterhouse_refusals_total" in line]
        limit = any('holder="model_per_key",kind="requests"' in line for line in lines)
        return limit and any('holder="api_key",kind="budget"' in line for line in lines)

    eventually(told, 5)


def test_a_refusal_by_a_guardrail_or_a_budget_takes_no_quota(new_key: Callable[..., str], sdk_with: SdkWith) -> None:
    client = sdk_with(new_key(rpm_limit=1, max_budget=0.001))
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="demo", messages=[{"role": "user", "content": "Project-Zebra"}])
    with pytest.raises(openai.UnprocessableEntityError):
        client.chat.completions.create(model="unit", messages=HELLO)
    assert asked(client).status_code == 200


def test_a_key_that_waits_is_served_when_there_is_room(new_key: Callable[..., str], sdk_with: SdkWith) -> None:
    client = sdk_with(new_key(max_parallel_requests=1, max_wait_s=10))
    answers: list[int] = []

    def ask() -> None:
        answers.append(asked(client, extra_body={"simulated": {"delay_ms": 300}}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    assert answers == [200, 200, 200]


@pytest.mark.parametrize("field", ["rpm_limit", "tpm_limit", "tpd_limit", "max_parallel_requests"])
def test_a_limit_below_nothing_is_refused_by_name(master: httpx.Client, field: str) -> None:
    answer = master.post("/key/generate", json={field: -1})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
