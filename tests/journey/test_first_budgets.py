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
        """A 503 says that nothing was decided and nothing spent: a machine that is busy has too little time."""
        for _ in range(10):
            try:
                sdk_with(key).chat.completions.create(model="unit", messages=HELLO, **sent)
            except openai.APIStatusError as failure:
                if failure.status_code != 503:
                    return failure.status_code
                time.sleep(1)
            else:
                return 200
        return 503

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
