"""Virtual keys: at work at once, blocked at once, and never beyond their budget."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import yaml

from tests.running_gateway import RunningGateway, is_gone

HELLO: Any = [{"role": "user", "content": "hello there"}]
SdkWith = Callable[[str], openai.OpenAI]


def ask(client: openai.OpenAI, model: str = "demo", **fields: Any) -> Any:
    return client.chat.completions.create(model=model, messages=HELLO, **fields)


def status_of(client: openai.OpenAI, model: str, **fields: Any) -> int:
    try:
        ask(client, model, **fields)
    except openai.APIStatusError as failure:
        return failure.status_code
    return 200


def test_a_new_key_works_at_once(new_key: Callable[..., str], sdk_with: SdkWith) -> None:
    for _ in range(5):
        assert ask(sdk_with(new_key())).choices


def test_a_key_is_blocked_and_unblocked_at_once(
    new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client
) -> None:
    key = new_key()
    client = sdk_with(key)
    assert ask(client).choices
    for _ in range(2):
        assert master.post("/key/block", json={"key": key}).status_code == 200
        with pytest.raises(openai.AuthenticationError, match="Key is blocked"):
            ask(client)
        assert master.post("/key/unblock", json={"key": key}).status_code == 200
        assert ask(client).choices


def test_a_change_of_a_key_counts_at_once(new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client) -> None:
    key = new_key(models=["unit"])
    client = sdk_with(key)
    with pytest.raises(openai.PermissionDeniedError):
        ask(client)
    assert master.post("/key/update", json={"key": key, "models": ["demo"]}).status_code == 200
    assert ask(client).choices
    with pytest.raises(openai.PermissionDeniedError):
        ask(client, "unit")


def test_a_deleted_key_is_unknown_at_once(new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client) -> None:
    key = new_key()
    client = sdk_with(key)
    assert ask(client).choices
    assert master.post("/key/delete", json={"keys": [key]}).status_code == 200
    with pytest.raises(openai.AuthenticationError) as caught:
        ask(client)
    assert caught.value.response.json()["error"]["type"] == "token_not_found_in_db"


def test_an_alias_of_a_key_means_its_model(new_key: Callable[..., str], sdk_with: SdkWith) -> None:
    client = sdk_with(new_key(models=["demo"], aliases={"my-model": "demo"}))
    assert ask(client, "my-model").model == "my-model"
    assert [model.id for model in client.models.list()] == ["demo", "nickname", "my-model"]


def test_exactly_what_fits_a_budget_is_served_and_the_rest_refused_in_litellms_words(
    new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client, eventually: Callable[..., Any]
) -> None:
    key = new_key(max_budget=10, key_alias="ten-dollars")
    client = sdk_with(key)
    with ThreadPoolExecutor(20) as threads:
        statuses = list(threads.map(lambda _: status_of(client, "unit"), range(20)))
    assert sorted(statuses) == [200] * 10 + [422] * 10
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        ask(client, "unit")
    error = caught.value.response.json()["error"]
    assert (error["type"], error["param"], error["code"]) == ("budget_exceeded", None, "422")
    assert error["message"].startswith("Budget has been exceeded! Key=ten-dollars (sk-...")
    assert "Current cost: 10" in error["message"]
    assert "Max budget: 10" in error["message"]
    assert eventually(lambda: master.get("/key/info", params={"key": key}).json()["info"]["spend"] == 10, 5.0)
    assert master.post("/key/update", json={"key": key, "max_budget": 12}).status_code == 200
    assert [status_of(client, "unit") for _ in range(4)] == [200, 200, 422, 422]


def test_streams_count_against_a_budget_like_everything_else(new_key: Callable[..., str], sdk_with: SdkWith) -> None:
    client = sdk_with(new_key(max_budget=2))

    def stream() -> int:
        try:
            return 200 if list(ask(client, "unit", stream=True)) else 0
        except openai.APIStatusError as failure:
            return failure.status_code

    assert [stream() for _ in range(3)] == [200, 200, 422]


def test_a_failure_of_the_provider_costs_no_budget(new_key: Callable[..., str], sdk_with: SdkWith) -> None:
    client = sdk_with(new_key(max_budget=1))
    failing = {"simulated": {"status": 500}}
    assert [status_of(client, "unit", extra_body=failing) for _ in range(3)] == [500, 500, 500]
    assert [status_of(client, "unit") for _ in range(2)] == [200, 422]


def test_what_was_asked_is_paid_to_the_last_token(
    new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client, eventually: Callable[..., Any]
) -> None:
    key = new_key(max_budget=1)
    client = sdk_with(key)
    for completion_tokens in (1, 1_000, 33_333):
        script = {"text": "ok", "prompt_tokens": 7, "completion_tokens": completion_tokens}
        ask(client, extra_body={"simulated": script})
    expected = 3 * 7 * Decimal("0.000001") + 34_334 * Decimal("0.000002")

    def spent() -> bool:
        info = master.get("/key/info", params={"key": key}).json()["info"]
        return Decimal(str(info["spend"])) == expected

    assert eventually(spent, 5.0)


def test_keys_their_spend_and_what_is_left_survive_a_restart_of_everything(tmp_path: Path) -> None:
    config = {"model_list": [{"model_name": "unit", "litellm_params": {"model": "simulated/echo"}}]}
    config["model_list"][0]["litellm_params"]["input_cost_per_request"] = 1.0  # type: ignore[index]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    keys: dict[str, str] = {}

    def served(gateway: RunningGateway, name: str) -> int:
        with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=keys[name], max_retries=0) as client:
            return status_of(client, "unit")

    first = RunningGateway(tmp_path, "--config", "config.yaml")
    try:
        first.wait_for("^Ready after")
        for name, fields in (("free", {}), ("three", {"max_budget": 3}), ("blocked", {}), ("deleted", {})):
            keys[name] = first.ask("/key/generate", fields)["key"]
        assert [served(first, "three") for _ in range(2)] == [200, 200]
        first.ask("/key/block", {"key": keys["blocked"]})
        first.ask("/key/delete", {"keys": [keys["deleted"]]})
        children = first.children()
        assert first.stop() == 0
        assert all(is_gone(pid) for pid in children.values())
    finally:
        first.close()

    second = RunningGateway(tmp_path, "--config", "config.yaml")
    try:
        second.wait_for("^Ready after")
        assert served(second, "free") == 200
        assert [served(second, "three") for _ in range(3)] == [200, 422, 422]
        assert (served(second, "blocked"), served(second, "deleted")) == (401, 401)
        assert second.ask(f"/key/info?key={keys['three']}")["info"]["spend"] == 3
        assert second.stop() == 0
    finally:
        second.close()
