"""A key that gets another secret stays the same key, and what it has spent can be set: through the whole gateway."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

from shared.identity.keys import token_of
from tests.recorded_litellm import RECORDED, assert_refused
from tests.running_gateway import RunningGateway

HELLO: Any = [{"role": "user", "content": "hello there"}]
SdkWith = Callable[[str], openai.OpenAI]


def status_of(client: openai.OpenAI, model: str = "unit") -> int:
    """Each call of `unit` costs 1 USD."""
    try:
        client.chat.completions.create(model=model, messages=HELLO)
    except openai.APIStatusError as failure:
        return failure.status_code
    return 200


def may_list_models(master: httpx.Client, key: str) -> int:
    return httpx.get(f"{master.base_url}/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code


def regenerated(master: httpx.Client, key: str, **fields: Any) -> dict[str, Any]:
    answer = master.post(f"/key/{key}/regenerate", json=fields)
    assert answer.status_code == 200, answer.text
    row: dict[str, Any] = answer.json()
    return row


def info(master: httpx.Client, key: str) -> dict[str, Any]:
    row: dict[str, Any] = master.get("/key/info", params={"key": key}).json()["info"]
    return row


def test_a_budget_goes_on_where_its_key_is_exchanged(
    new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client, eventually: Callable[..., Any]
) -> None:
    old = new_key(max_budget=10, key_alias="rotated")
    assert [status_of(sdk_with(old)) for _ in range(6)] == [200] * 6
    row = regenerated(master, old)
    new = row["key"]
    assert (row["token"], row["key_alias"], row["max_budget"]) == (token_of(old), "rotated", 10.0)
    assert row["key_name"] == f"sk-...{new[-4:]}"
    assert eventually(lambda: info(master, new)["spend"] == 6, 5.0)
    assert status_of(sdk_with(old)) == 401
    assert [status_of(sdk_with(new)) for _ in range(6)] == [200] * 4 + [422] * 2
    shown = info(master, new)
    assert (shown["spend"], shown["rotation_count"], shown["key_name"]) == (10.0, 1, row["key_name"])
    assert shown["last_rotation_at"] is not None

    def logged() -> bool:
        rows = master.get("/spend/logs", params={"api_key": new}).json()
        return sum(one["spend"] for one in rows) == 10

    assert eventually(logged, 10.0)
    listed = master.get("/key/list", params={"key_alias": "rotated", "return_full_object": True}).json()
    assert [one["token"] for one in listed["keys"]] == [token_of(old)]
    own = httpx.get(f"{master.base_url}/key/info", headers={"Authorization": f"Bearer {new}"})
    assert own.json()["info"]["spend"] == 10.0


def test_limits_go_on_too(new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client) -> None:
    old = new_key(rpm_limit=3)
    assert [status_of(sdk_with(old), "demo") for _ in range(2)] == [200, 200]
    new = regenerated(master, old)["key"]
    assert [status_of(sdk_with(new), "demo") for _ in range(2)] == [200, 429]


def test_a_former_secret_counts_for_as_long_as_it_was_given(
    new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client, eventually: Callable[..., Any]
) -> None:
    first = new_key(max_budget=3)
    second = regenerated(master, first, grace_period="3s")["key"]
    assert [status_of(sdk_with(key)) for key in (first, second)] == [200, 200]
    assert master.post("/key/block", json={"key": second}).status_code == 200
    assert [status_of(sdk_with(key)) for key in (first, second)] == [401, 401]
    assert master.post("/key/unblock", json={"key": first}).status_code == 200
    assert eventually(lambda: may_list_models(master, first) == 401, 10.0)
    assert [status_of(sdk_with(second)) for _ in range(2)] == [200, 422]
    third = regenerated(master, second, max_budget=5)
    assert (third["max_budget"], status_of(sdk_with(second)), status_of(sdk_with(third["key"]))) == (5.0, 401, 200)
    assert info(master, third["key"])["rotation_count"] == 2
    assert master.post("/key/delete", json={"keys": [third["key"]]}).status_code == 200
    assert [status_of(sdk_with(key)) for key in (first, second, third["key"])] == [401] * 3


def test_spend_that_is_set_is_what_the_budget_counts_over_a_crash_and_the_logs_keep_all(
    gateway: RunningGateway,
    new_key: Callable[..., str],
    sdk_with: SdkWith,
    master: httpx.Client,
    eventually: Callable[..., Any],
) -> None:
    key = new_key(max_budget=3, budget_duration="30d")
    assert [status_of(sdk_with(key)) for _ in range(4)] == [200] * 3 + [422]
    assert eventually(lambda: info(master, key)["spend"] == 3, 5.0)
    answer = master.post(f"/key/{key}/reset_spend", json={"reset_to": 1})
    assert answer.status_code == 200
    assert answer.json().keys() == RECORDED["key.reset_spend"]["body"].keys()
    row = answer.json()
    assert (row["key_hash"], row["spend"], row["previous_spend"], row["max_budget"]) == (token_of(key), 1.0, 3.0, 3.0)
    assert row["budget_reset_at"] == info(master, key)["budget_reset_at"].replace("+00:00", "Z")
    os.kill(gateway.children()["services.policy"], signal.SIGKILL)
    assert eventually(lambda: master.get("/key/info", params={"key": key}).status_code == 200, 60.0)
    assert eventually(lambda: info(master, key)["spend"] == 1, 60.0)
    assert eventually(lambda: status_of(sdk_with(key)) == 200, 60.0)
    assert [status_of(sdk_with(key)) for _ in range(2)] == [200, 422]

    def all_told() -> bool:
        rows = master.get("/spend/logs", params={"api_key": key}).json()
        return sum(one["spend"] for one in rows) == 5

    assert eventually(all_told, 10.0)
    assert (info(master, key)["spend"], info(master, key)["total_spend"]) == (3.0, 5.0)


def test_what_cannot_be_exchanged_or_set_is_refused_by_name(new_key: Callable[..., str], master: httpx.Client) -> None:
    key, other = new_key(max_budget=1), f"sk-other-{time.time_ns()}"
    new_key(key=other)
    missing = master.post("/key/regenerate", json={"max_budget": 1})
    assert_refused(missing, 400, "bad_request_error", "key", "Name it in the path")
    unknown = master.post("/key/regenerate", json={"key": "sk-nobody-has-this-one"})
    assert_refused(unknown, 404, "not_found_error", "key", "Key not found")
    for fields, param, words in (
        ({"new_key": "short"}, "new_key", "must start with 'sk-'"),
        ({"new_key": other}, "new_key", "already exists"),
        ({"grace_period": "soon"}, "grace_period", "'30s'"),
        ({"new_master_key": "sk-x"}, "new_master_key", "general_settings.master_key"),
        ({"max_budget": -1}, "max_budget", "non-negative"),
    ):
        refused = master.post(f"/key/{key}/regenerate", json=fields)
        assert_refused(refused, 400, "bad_request_error", param, words)
    for reset_to, words in ((-1, "non-negative"), ("much", "a number of USD"), (True, "a number"), (0.5, "at most")):
        refused = master.post(f"/key/{key}/reset_spend", json={"reset_to": reset_to})
        assert_refused(refused, 400, "bad_request_error", "reset_to", words)
    assert master.post(f"/key/{key}/reset_spend", json={}).status_code == 422
    assert master.post(f"/key/{key}/reset_spend", json={"reset_to": 0}).json()["spend"] == 0.0
    own = httpx.post(f"{master.base_url}/key/{key}/regenerate", headers={"Authorization": f"Bearer {key}"})
    assert_refused(own, 401, "auth_error", "None", "Only proxy admin")


@pytest.mark.parametrize("by", ["key", "token", "alias", "path of the token"])
def test_a_key_is_named_in_any_way_it_is_known_by(
    by: str, new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client
) -> None:
    alias = f"named-{time.time_ns()}"
    key = new_key(key_alias=alias)
    again = regenerated(master, key)["key"]
    fields = {"key": {"key": again}, "token": {"key": token_of(again)}, "alias": {"key_alias": alias}}
    if by in fields:
        answer = master.post("/key/regenerate", json=fields[by])
    else:
        answer = master.post(f"/key/{token_of(key)}/regenerate")
    assert answer.status_code == 200, answer.text
    assert status_of(sdk_with(answer.json()["key"]), "demo") == 200
    assert status_of(sdk_with(again), "demo") == 401
