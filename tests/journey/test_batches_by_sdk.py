"""Batches through a whole gateway, by OpenAI's own SDK: held when they are made, settled when they have ended."""

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

from tests.journey.batch_provider import BatchProvider, Line, answered
from tests.journey.test_files_by_sdk import jsonl, line, upload
from tests.running_gateway import RunningGateway

SdkWith = Callable[[str], openai.OpenAI]
Eventually = Callable[..., Any]
LINE_USD = 20 * 0.0000005 + 5 * 0.000001
"""What an answered line costs at the batch's prices: tests/journey/batch_provider.py says what it uses."""


def create(client: openai.OpenAI, *lines: Line, **more: Any) -> Any:
    file = upload(client, jsonl(*(lines or (line(1), line(2)))))
    return client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", **more
    )


def spend_of(master: httpx.Client, key: str) -> float:
    return float(master.get("/key/info", params={"key": key}).json()["info"]["spend"])


def rows_of(master: httpx.Client, key: str) -> list[dict[str, Any]]:
    """The spend logs of what a key's batches came to."""
    rows = master.get("/spend/logs", params={"api_key": key}).json()
    return [row for row in rows if row["call_type"] == "acreate_batch"]


@pytest.fixture
def key(new_key: Callable[..., str]) -> str:
    return new_key(max_budget=1)


@pytest.fixture
def client(sdk_with: SdkWith, key: str) -> openai.OpenAI:
    return sdk_with(key)


def test_a_batch_is_made_watched_and_paid_for_by_its_lines(
    client: openai.OpenAI, key: str, batch_provider: BatchProvider, master: httpx.Client, eventually: Eventually
) -> None:
    batch = create(client, metadata={"a": "b"})
    assert (batch.status, batch.request_counts.total, batch.metadata) == ("validating", 2, {"a": "b"})
    assert client.batches.retrieve(batch.id).status == "validating"
    assert (spend_of(master, key), rows_of(master, key)) == (0, [])
    batch_provider.run(batch.id)
    (row,) = eventually(lambda: rows_of(master, key), 10.0)
    assert row["spend"] == pytest.approx(2 * LINE_USD)
    assert (row["prompt_tokens"], row["completion_tokens"], row["status"]) == (40, 10, "success")
    assert (row["model_group"], row["custom_llm_provider"]) == ("batch", "openai")
    eventually(lambda: spend_of(master, key) == pytest.approx(2 * LINE_USD), 5.0)
    shown = client.batches.retrieve(batch.id)
    assert shown.status == "completed"
    assert shown.output_file_id is not None
    lines = [json.loads(each) for each in client.files.content(shown.output_file_id).text.splitlines()]
    assert [each["custom_id"] for each in lines] == ["c1", "c2"]


def test_a_batch_and_what_it_writes_are_its_owners_alone(
    client: openai.OpenAI,
    sdk_with: SdkWith,
    new_key: Callable[..., str],
    batch_provider: BatchProvider,
    eventually: Eventually,
) -> None:
    batch = create(client)
    batch_provider.run(batch.id)
    eventually(lambda: [each for each in client.batches.list() if each.status == "completed"], 10.0)
    written = client.batches.retrieve(batch.id).output_file_id
    assert written in [file.id for file in client.files.list(purpose="batch_output")]
    stranger = sdk_with(new_key())
    for call in (stranger.batches.retrieve, stranger.batches.cancel, stranger.files.content):
        with pytest.raises(openai.NotFoundError):
            call(written if call == stranger.files.content else batch.id)
    assert list(stranger.batches.list()) == []
    with pytest.raises(openai.NotFoundError) as refused:
        stranger.batches.create(
            input_file_id=batch.input_file_id, endpoint="/v1/chat/completions", completion_window="24h"
        )
    assert refused.value.param == "input_file_id"


def test_what_open_batches_may_cost_is_held(
    sdk_with: SdkWith, new_key: Callable[..., str], batch_provider: BatchProvider, eventually: Eventually
) -> None:
    client = sdk_with(new_key(max_budget=0.00025))  # one batch of two lines is held with half of it and more
    batch = create(client)
    before = len(batch_provider.batches)
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        create(client)
    assert refused.value.type == "budget_exceeded"
    assert len(batch_provider.batches) == before
    assert client.batches.cancel(batch.id).status == "cancelling"
    batch_provider.run(batch.id, lambda _: None, status="cancelled")

    def fits() -> bool:
        try:
            return bool(create(client).id)
        except openai.UnprocessableEntityError:
            return False

    assert eventually(fits, 10.0)


def test_a_batch_that_never_fits_is_refused(sdk_with: SdkWith, new_key: Callable[..., str]) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match="Budget has been exceeded"):
        create(sdk_with(new_key(max_budget=0.00001)))


def test_a_model_without_a_price_is_refused_on_a_budget_alone(
    client: openai.OpenAI, sdk_with: SdkWith, new_key: Callable[..., str]
) -> None:
    with pytest.raises(openai.BadRequestError, match="no price"):
        create(client, line(1, "batch-unpriced"))
    assert create(sdk_with(new_key()), line(1, "batch-unpriced")).id


def test_what_was_done_of_a_batch_that_expires_is_paid_for(
    client: openai.OpenAI, key: str, batch_provider: BatchProvider, master: httpx.Client, eventually: Eventually
) -> None:
    def first_only(asked: Line) -> Line | None:
        if asked["custom_id"] == "c1":
            return answered(asked)
        failed = {"status_code": 429, "body": {"error": {"message": "later"}}}
        return {"id": "r", "custom_id": asked["custom_id"], "response": failed, "error": None}

    batch = create(client)
    batch_provider.run(batch.id, first_only, status="expired")
    (row,) = eventually(lambda: rows_of(master, key), 10.0)
    assert row["spend"] == pytest.approx(LINE_USD)


def test_a_batch_that_fails_at_once_costs_nothing(
    client: openai.OpenAI, key: str, batch_provider: BatchProvider, master: httpx.Client, eventually: Eventually
) -> None:
    batch = create(client)
    batch_provider.run(batch.id, lambda _: None, status="failed")
    (row,) = eventually(lambda: rows_of(master, key), 10.0)
    assert (row["spend"], row["status"]) == (0, "failure")


def test_a_line_that_does_not_tell_its_usage_costs_its_share_of_the_hold(
    client: openai.OpenAI, key: str, batch_provider: BatchProvider, master: httpx.Client, eventually: Eventually
) -> None:
    def silent(asked: Line) -> Line:
        told = answered(asked)
        if asked["custom_id"] == "c1":
            del told["response"]["body"]["usage"]
        return told

    batch = create(client)
    batch_provider.run(batch.id, silent)
    (row,) = eventually(lambda: rows_of(master, key), 10.0)
    assert 2 * LINE_USD < row["spend"] < 0.0003


def test_a_key_without_a_budget_is_told_what_it_spent(
    sdk_with: SdkWith,
    new_key: Callable[..., str],
    batch_provider: BatchProvider,
    master: httpx.Client,
    eventually: Eventually,
) -> None:
    key = new_key()
    batch_provider.run(create(sdk_with(key)).id)
    eventually(lambda: spend_of(master, key) == pytest.approx(2 * LINE_USD), 10.0)


def test_a_batch_whose_hold_expires_is_spent_and_its_late_end_corrects_that_once(
    client: openai.OpenAI, key: str, batch_provider: BatchProvider, master: httpx.Client, eventually: Eventually
) -> None:
    """A hold lasts for `batch_hold_s` beyond its request's deadline: 600 s in other tests, 3 s here."""
    file = upload(client, jsonl(line(1), line(2)))
    made = client.batches.with_raw_response.create(
        input_file_id=file.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        extra_headers={"x-litellm-timeout": "3"},
    )
    asked = {"request_id": made.headers["x-litellm-call-id"]}
    (row,) = eventually(lambda: master.get("/spend/logs", params=asked).json(), 20.0)
    assert row["metadata"]["error_information"]["error_class"] == "completion_lost"
    assert row["spend"] > 2 * LINE_USD
    eventually(lambda: spend_of(master, key) == pytest.approx(row["spend"]), 5.0)
    batch_provider.run(made.parse().id)
    (row,) = eventually(lambda: [one for one in rows_of(master, key) if one["status"] == "success"], 10.0)
    assert row["spend"] == pytest.approx(2 * LINE_USD)
    eventually(lambda: spend_of(master, key) == pytest.approx(2 * LINE_USD), 5.0)
    (only,) = master.get("/spend/logs", params=asked).json()
    assert only["spend"] == row["spend"]
    spent = [each["spend"] for each in master.get("/spend/logs", params={"api_key": key}).json()]
    assert sum(spent) == pytest.approx(2 * LINE_USD)


def test_an_open_batch_takes_no_slot_of_its_keys_limit(sdk_with: SdkWith, new_key: Callable[..., str]) -> None:
    client = sdk_with(new_key(max_parallel_requests=1, max_budget=1))
    client = client.with_options(max_retries=3)  # a slot is free once its request's fact is read
    assert create(client).id != create(client).id


def test_azure_is_asked_at_its_own_paths(
    client: openai.OpenAI, key: str, batch_provider: BatchProvider, master: httpx.Client, eventually: Eventually
) -> None:
    batch = create(client, line(1, "azure-batch"))
    assert ("POST", "/openai/batches?api-version=2024-10-21") in [asked[:2] for asked in batch_provider.asked]
    assert batch.endpoint == "/chat/completions"
    batch_provider.run(batch.id)
    (row,) = eventually(lambda: rows_of(master, key), 10.0)
    assert (row["spend"], row["custom_llm_provider"]) == (pytest.approx(LINE_USD), "azure")


def test_a_provider_that_refuses_a_batch_frees_what_was_held(
    sdk_with: SdkWith, new_key: Callable[..., str], batch_provider: BatchProvider, eventually: Eventually
) -> None:
    client = sdk_with(new_key(max_budget=0.00025))
    batch_provider.refuses.append(("POST /v1/batches", 429))
    with pytest.raises(openai.RateLimitError):
        create(client)

    def fits() -> bool:
        try:
            return bool(create(client).id)
        except openai.UnprocessableEntityError:
            return False

    assert eventually(fits, 5.0)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"endpoint": "/v1/embeddings"}, "endpoint"),
        ({"endpoint": None}, "endpoint"),
        ({"input_file_id": None}, "input_file_id"),
        ({"input_file_id": "file-nobodys"}, "input_file_id"),
    ],
)
def test_what_is_wrong_with_a_batch_is_said(
    gateway: RunningGateway, client: openai.OpenAI, key: str, fields: dict[str, Any], param: str
) -> None:
    file = upload(client, jsonl(line(1)))
    asked = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h", **fields}
    asked = {name: value for name, value in asked.items() if value is not None}
    answer = httpx.post(f"{gateway.url}/v1/batches", headers={"authorization": f"Bearer {key}"}, json=asked)
    assert answer.status_code in (400, 404), answer.text
    assert answer.json()["error"]["param"] == param


def test_a_file_that_is_no_batchs_input_makes_none(client: openai.OpenAI) -> None:
    file = upload(client, b"x", "user_data", extra_body={"target_model_names": "batch"})
    with pytest.raises(openai.BadRequestError, match="purpose=batch"):
        client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")


def test_batches_are_settled_once_though_the_router_dies(
    client: openai.OpenAI,
    key: str,
    batch_provider: BatchProvider,
    master: httpx.Client,
    gateway: RunningGateway,
    eventually: Eventually,
) -> None:
    batches = [create(client) for _ in range(3)]
    for number, batch in enumerate(batches):
        batch_provider.run(batch.id)
        if number == 1:
            os.kill(gateway.children()["services.router"], signal.SIGKILL)
    rows = eventually(lambda: len(found := rows_of(master, key)) == 3 and found, 45.0)
    assert sum(row["spend"] for row in rows) == pytest.approx(6 * LINE_USD)
    eventually(lambda: spend_of(master, key) == pytest.approx(6 * LINE_USD), 5.0)
    eventually(lambda: master.get("/health/readiness").status_code == 200, 20.0)
