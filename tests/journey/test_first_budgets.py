"""A budget that is set later counts what was spent before, through the whole gateway."""

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import openai
import pytest

HELLO: Any = [{"role": "user", "content": "hello there"}]
SdkWith = Callable[[str], openai.OpenAI]


def status_of(sdk: openai.OpenAI, **sent: Any) -> int:
    """One request of one USD. A 503 says that nothing was decided and nothing spent: a busy machine is slow."""
    for _ in range(10):
        try:
            sdk.chat.completions.create(model="unit", messages=HELLO, **sent)
        except openai.APIStatusError as failure:
            if failure.status_code != 503:
                return failure.status_code
            time.sleep(1)
        else:
            return 200
    return 503


@pytest.mark.parametrize("kind", ["user", "customer", "tag"])
def test_what_was_spent_before_a_first_budget_counts_against_it(
    kind: str,
    new_key: Callable[..., str],
    sdk_with: SdkWith,
    master: httpx.Client,
    eventually: Callable[..., Any],
) -> None:
    name, field = f"{kind}-{uuid4()}", "name" if kind == "tag" else "user_id"
    key = new_key(user_id=name) if kind == "user" else new_key()
    sent: dict[str, Any] = {"customer": {"user": name}, "tag": {"extra_body": {"tags": [name]}}}.get(kind, {})

    def unit() -> int:
        return status_of(sdk_with(key), **sent)

    assert [unit() for _ in range(3)] == [200] * 3

    def logged() -> bool:
        rows = master.get("/spend/logs", params={"api_key": key}).json()
        return sum(row["spend"] for row in rows) == 3

    assert eventually(logged, 15.0)
    body = {field: name, "max_budget": 4, **({"auto_create_key": False} if kind == "user" else {})}
    assert master.post(f"/{kind}/new", json=body).status_code == 200
    assert [unit() for _ in range(2)] == [200, 422]
    assert master.post(f"/{kind}/update", json={field: name, "max_budget": 5}).status_code == 200
    assert [unit() for _ in range(2)] == [200, 422]


def test_a_shared_budget_counts_what_its_holders_spent_before_its_first_limit_and_while_it_was_away(
    new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client
) -> None:
    """Of users, whose keys are counted in partitions of their own."""

    def done(path: str, **body: Any) -> None:
        answer = master.post(path, json=body)
        assert answer.status_code == 200, answer.text

    name = f"starter-{uuid4()}"
    done("/budget/new", budget_id=name)
    done("/user/new", user_id=name, budget_id=name, auto_create_key=False)
    keys = [new_key(user_id=name) for _ in range(2)]
    assert [status_of(sdk_with(key)) for key in (*keys, keys[0])] == [200] * 3
    done("/budget/update", budget_id=name, max_budget=4)
    assert [status_of(sdk_with(key)) for key in keys] == [200, 422]
    done("/budget/update", budget_id=name, max_budget=None)
    assert [status_of(sdk_with(key)) for key in keys] == [200, 200]
    done("/budget/update", budget_id=name, max_budget=7)
    assert [status_of(sdk_with(key)) for key in keys] == [200, 422]
