"""Tools a provider runs itself: their number is bounded before the request is sent."""

from typing import Any

import orjson
import pytest

from services.edge.peeks.chat import peek_chat
from services.edge.peeks.provider_tools import RUNS_MAX, SEARCHES_MAX, tool_units


@pytest.mark.parametrize(
    ("tools", "units"),
    [
        ([{"type": "function", "function": {"name": "web_search"}}], {}),
        ([{"type": "web_search_20250305", "name": "web_search", "max_uses": 5}], {"web_searches": 5}),
        ([{"type": "web_search"}], {"web_searches": SEARCHES_MAX}),
        ([{"type": "web_search", "max_uses": 10**9}], {"web_searches": SEARCHES_MAX}),
        ([{"type": "web_search", "max_uses": "2"}], {"web_searches": SEARCHES_MAX}),
        ([{"googleSearch": {}}, {"type": "web_search", "max_uses": 1}], {"web_searches": SEARCHES_MAX + 1}),
        (
            [{"type": "file_search"}, {"type": "code_interpreter"}],
            {"file_searches": RUNS_MAX, "code_sessions": RUNS_MAX},
        ),
        (["web_search", None, {"type": 3}], {}),
        (None, {}),
    ],
)
def test_what_a_provider_may_run_is_bounded(tools: Any, units: dict[str, int]) -> None:
    assert dict(tool_units(tools)) == units


def peeked(**fields: Any) -> Any:
    return peek_chat(orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}))


def test_a_chat_that_may_search_is_bounded() -> None:
    assert dict(peeked(web_search_options={}).units) == {"web_searches": SEARCHES_MAX}
    assert peeked(tools=[{"type": "function", "function": {"name": "f"}}]).units == ()
    assert peeked().units == ()


@pytest.mark.parametrize(
    ("fields", "tier"),
    [
        ({}, ""),
        ({"service_tier": "priority"}, "priority"),
        ({"service_tier": "auto"}, ""),
        ({"service_tier": 7}, ""),
        ({"speed": "fast", "service_tier": "standard_only"}, "fast"),
    ],
)
def test_the_service_tier_that_is_asked_for_is_told(fields: dict[str, Any], tier: str) -> None:
    assert peeked(**fields).tier == tier
