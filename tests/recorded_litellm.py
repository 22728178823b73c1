"""What a real LiteLLM Proxy answered, and comparing an answer of ours with it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

RECORDED = {
    exchange["name"]: exchange
    for path in sorted((Path(__file__).parent / "contract/litellm").glob("*.json"))
    for exchange in json.loads(path.read_bytes())
    if "name" in exchange
}


def shape(value: Any) -> Any:
    """The names and types in a JSON value; of a list, those of its first element."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value).__name__


def assert_as_recorded(name: str, answer: httpx.Response, *, but: Mapping[str, Any] | None = None) -> None:
    """Compare status and shape with LiteLLM's; `but` are the differences, by dotted path."""
    recorded = RECORDED[name]
    assert answer.status_code == recorded["status"], answer.text
    expected = shape(recorded["body"])
    for path, changed in (but or {}).items():
        *parents, last = path.split(".")
        place = expected
        for parent in parents:
            place = place[int(parent) if parent.isdigit() else parent]
        place[last] = changed
    assert shape(answer.json()) == expected


def assert_refused(answer: httpx.Response, status: int, error_type: str, param: str | None, words: str) -> None:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["type"], error["param"]) == (str(status), error_type, param)
    assert words in error["message"]
    assert "{'error'" not in error["message"]
