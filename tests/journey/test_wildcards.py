"""A wildcard from a key's models to its spend, through the whole gateway."""

from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

HELLO: Any = [{"role": "user", "content": "hello"}]


def test_a_key_for_a_wildcard_gets_its_models_within_its_budget_and_no_others(
    master: httpx.Client, new_key: Callable[..., str], sdk_with: Callable[[str], openai.OpenAI]
) -> None:
    key = new_key(models=["sim/*"], max_budget=1.0)
    client = sdk_with(key)
    answer = client.chat.completions.create(model="sim/echo", messages=HELLO, max_tokens=20)
    assert answer.model == "sim/echo"
    for model in ("demo", "other/echo"):
        with pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(model=model, messages=HELLO)
    assert client.models.retrieve("sim/echo").id == "sim/echo"
    headers = {"Authorization": f"Bearer {key}"}
    listed = master.get("/v1/models", params={"return_wildcard_routes": "true"}, headers=headers).json()["data"]
    assert [model["id"] for model in listed] == ["sim/*"]


def test_a_name_that_no_wildcard_fits_is_unknown(master: httpx.Client) -> None:
    answer = master.post("/v1/chat/completions", json={"model": "sim/", "messages": HELLO})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "model"
