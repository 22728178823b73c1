"""What it cost: exact, a moment after the answer, whatever became of the client."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest

HELLO: Any = [{"role": "user", "content": "hello there"}]
SdkWith = Callable[[str], openai.OpenAI]
Eventually = Callable[[Callable[[], Any], float], Any]


def rows_of(master: httpx.Client, **filters: str) -> list[dict[str, Any]]:
    answer = master.get("/spend/logs", params=filters)
    assert answer.status_code == 200, answer.text
    return list(answer.json())


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_is_in_the_logs_a_moment_later_with_its_exact_cost(
    new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client, eventually: Eventually, stream: bool
) -> None:
    key = new_key(user_id="ann")
    script = {"text": "ok", "prompt_tokens": 1_234, "completion_tokens": 567}
    raw = sdk_with(key).chat.completions.with_raw_response.create(
        model="demo",
        messages=HELLO,
        stream=stream,
        user="end-user-7",
        extra_body={"simulated": script, "metadata": {"tags": ["blue"], "spend_logs_metadata": {"feature": "x"}}},
    )
    if stream:
        list(raw.parse())
    call_id = raw.headers["x-litellm-call-id"]
    (row,) = eventually(lambda: rows_of(master, request_id=call_id), 5.0)
    assert Decimal(str(row["spend"])) == 1_234 * Decimal("0.000001") + 567 * Decimal("0.000002")
    assert (row["prompt_tokens"], row["completion_tokens"], row["total_tokens"]) == (1_234, 567, 1_801)
    assert (row["model_group"], row["user"], row["end_user"]) == ("demo", "ann", "end-user-7")
    assert "blue" in row["request_tags"]
    if not stream:
        assert Decimal(raw.headers["x-litellm-response-cost"]) == Decimal(str(row["spend"]))
    assert row["metadata"]["litellm_call_id"] == call_id
    assert rows_of(master, api_key=key) == [row]
    info = master.get("/key/info", params={"key": key}).json()["info"]
    assert Decimal(str(info["spend"])) == Decimal(str(row["spend"]))


def test_many_requests_at_once_add_up_to_the_last_digit(
    new_key: Callable[..., str], master: httpx.Client, eventually: Eventually
) -> None:
    key = new_key()
    body = {"model": "demo", "messages": HELLO}
    with httpx.Client(base_url=str(master.base_url), headers={"Authorization": f"Bearer {key}"}) as client:
        for _ in range(60):
            assert client.post("/v1/chat/completions", json=body).status_code == 200
    rows = eventually(lambda: found if len(found := rows_of(master, api_key=key)) == 60 else None, 3.0)
    assert sum(Decimal(str(row["spend"])) for row in rows) == 60 * Decimal("0.000006")
    assert len({row["request_id"] for row in rows}) == 60


def test_a_client_that_leaves_in_mid_stream_is_counted_to_the_end(
    new_key: Callable[..., str], master: httpx.Client, eventually: Eventually
) -> None:
    key = new_key()
    script = {"text": " ".join(["word"] * 60), "chunk_delay_ms": 30, "prompt_tokens": 100, "completion_tokens": 200}
    body = {"model": "demo", "messages": HELLO, "stream": True, "simulated": script}
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.stream("POST", f"{master.base_url}/v1/chat/completions", json=body, headers=headers) as answer:
        call_id = answer.headers["x-litellm-call-id"]
        next(answer.iter_lines())
    (row,) = eventually(lambda: rows_of(master, request_id=call_id), 10.0)
    assert row["metadata"]["meterhouse"]["client_left"] is True
    assert Decimal(str(row["spend"])) == 100 * Decimal("0.000001") + 200 * Decimal("0.000002")


def test_a_client_that_leaves_before_the_answer_is_counted_too(
    new_key: Callable[..., str], master: httpx.Client, eventually: Eventually
) -> None:
    key = new_key()
    body = {"model": "demo", "messages": HELLO, "simulated": {"text": "ok", "delay_ms": 600}}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{master.base_url}/v1/chat/completions",
            json=body,
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(5, read=0.3),
        )
    (row,) = eventually(lambda: rows_of(master, api_key=key), 4.0)
    assert Decimal(str(row["spend"])) == 2 * Decimal("0.000001") + 1 * Decimal("0.000002")


def test_a_failed_and_a_refused_request_have_a_row_that_costs_nothing(
    new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client, eventually: Eventually
) -> None:
    key = new_key(models=["demo"])
    client = sdk_with(key)
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(
            model="demo", messages=HELLO, extra_body={"simulated": {"status": 429, "message": "too fast"}}
        )
    with pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model="unit", messages=HELLO)
    rows = eventually(lambda: found if len(found := rows_of(master, api_key=key)) == 2 else None, 3.0)
    assert {row["status"] for row in rows} == {"failure"}
    assert [row["spend"] for row in rows] == [0, 0]
    errors = {row["metadata"]["error_information"]["error_code"] for row in rows}
    assert errors == {"429", "403"}


def test_the_metrics_count_what_was_asked(master: httpx.Client) -> None:
    def count() -> float:
        text = master.get("/metrics/").text
        lines = [line for line in text.splitlines() if line.startswith("litellm_proxy_total_requests_metric_total")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if '"demo"' in line and '"200"' in line)

    before = count()
    assert master.post("/v1/chat/completions", json={"model": "demo", "messages": HELLO}).status_code == 200
    assert count() == before + 1
