"""Tools a provider runs itself: their number is bounded before the request is sent."""

from typing import Any

import orjson
import pytest

from services.edge.peeks.anything import PAGES_MAX, peek_any_form, peek_anything
from services.edge.peeks.audio import LEAST_MS
from services.edge.peeks.chat import peek_chat
from services.edge.peeks.generate_content import peek_generate
from services.edge.peeks.media import READ_PIXELS_MAX
from services.edge.peeks.messages import SUMMARY_TOKENS, peek_messages
from services.edge.peeks.provider_tools import (
    CHUNK_TOKENS,
    FOUND_TOKENS,
    PAGE_TOKENS,
    PICTURE_TOKENS,
    PICTURES_MAX,
    ROUNDS_MAX,
    RUNS_MAX,
    SEARCHES_MAX,
    SOURCES_MAX,
    tool_units,
)
from services.edge.peeks.responses import peek_responses
from shared.payloads.forms import Field


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
        ({"google_search": {}}, {"web_searches": SEARCHES_MAX}),
        ([{"type": "google_search"}, {"type": "url_context"}], {"web_searches": SEARCHES_MAX}),
        ([{"type": "web_fetch_20250910", "name": "web_fetch"}, {"type": "mcp"}, {"url_context": {}}], {}),
        (
            [{"type": "image_generation"}],
            {"tool_image_output": PICTURES_MAX * PICTURE_TOKENS, "tool_images": PICTURES_MAX},
        ),
        ([{"type": "web_search_premium"}], {"news_searches": SEARCHES_MAX}),
        ([{"type": "document_library"}, {"type": "connector"}], {"file_searches": RUNS_MAX}),
        (
            [{"type": "image_generation", "size": "3072x2048"}],
            {"tool_image_output": PICTURES_MAX * PICTURE_TOKENS * 4, "tool_images": PICTURES_MAX},
        ),
        (["web_search", None, {"type": 3}], {}),
        (None, {}),
    ],
)
def test_what_a_provider_may_run_is_bounded(tools: Any, units: dict[str, int]) -> None:
    assert {name: most for name, most in tool_units(tools, 0) if name != "input"} == units


@pytest.mark.parametrize(
    ("tools", "read"),
    [
        ([{"type": "function", "function": {"name": "web_search"}}], None),
        ([{"type": "web_search_20250305", "max_uses": 1}], 7 + FOUND_TOKENS),
        ([{"type": "web_search_20250305", "max_uses": 2}], 2 * 7 + (2 + 1) * FOUND_TOKENS),
        ([{"type": "web_search"}], ROUNDS_MAX * 7 + 55 * FOUND_TOKENS),
        ([{"type": "web_fetch", "max_uses": 1}], 7 + PAGE_TOKENS),
        ([{"type": "web_fetch", "max_uses": 1, "max_content_tokens": 5_000}], 7 + 5_000),
        ([{"type": "file_search", "max_num_results": 50}], ROUNDS_MAX * 7 + 55 * 50 * CHUNK_TOKENS),
        ([{"type": "web_search", "max_uses": 0}], None),
        ([{"googleSearch": {}}], ROUNDS_MAX * 7),
        ([{"type": "code_execution_20250825", "name": "code_execution"}], ROUNDS_MAX * 7 + 55 * FOUND_TOKENS),
        ([{"fileSearch": {}}], ROUNDS_MAX * 7 + 55 * 20 * CHUNK_TOKENS),
    ],
)
def test_what_is_found_is_read_again_in_every_round_that_follows(tools: Any, read: int | None) -> None:
    assert dict(tool_units(tools, 7)).get("input") == read


def test_a_request_says_how_many_runs_it_allows_in_all() -> None:
    tools = [{"type": "web_search"}, {"type": "code_interpreter"}]
    units = dict(tool_units(tools, 0, runs_max=3))
    assert (units["web_searches"], units["code_sessions"]) == (3, 3)
    body = orjson.dumps({"model": "m", "input": "x", "tools": tools, "max_tool_calls": 2})
    assert dict(peek_responses(body).units)["web_searches"] == 2


MESSAGES = [{"role": "user", "content": "x"}]


def test_the_tools_of_every_dialect_are_bounded() -> None:
    searching = {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]}
    asked = {"model": "m", "max_tokens": 9, "messages": MESSAGES, **searching}
    assert dict(peek_messages(orjson.dumps(asked)).units)["web_searches"] == 3
    assert dict(peek_anything(orjson.dumps(asked)).units)["web_searches"] == 3
    google = {"contents": "x", "tools": [{"googleSearch": {}}]}
    assert dict(peek_generate(orjson.dumps(google)).units)["web_searches"] == SEARCHES_MAX
    assert dict(peek_anything(orjson.dumps(google)).units)["web_searches"] == SEARCHES_MAX


def test_a_compaction_reads_the_conversation_once_more() -> None:
    asked = orjson.dumps({"model": "m", "max_tokens": 9, "messages": MESSAGES, "context_management": {"edits": []}})
    assert peek_messages(asked).units == (("input", len(asked)), ("output", SUMMARY_TOKENS))


@pytest.mark.parametrize(
    ("body", "units"),
    [
        ({"n": 3}, {"images": 3}),
        ({"input": "hello"}, {"images": 1}),
        ({"document": {"document_url": "u"}}, {"pages": PAGES_MAX, "annotated_pages": PAGES_MAX}),
        ({"query": "q", "documents": ["a"] * 150}, {"search_units": 2}),
        ({"search_parameters": {}}, {"search_sources": SOURCES_MAX}),
        ({"inputs": [{"content": [{"type": "image_url", "image_url": "u"}] * 3}]}, {"pixels": 3 * READ_PIXELS_MAX}),
    ],
)
def test_whatever_is_passed_on_is_bound_in_every_unit(body: dict[str, Any], units: dict[str, int]) -> None:
    raw = orjson.dumps(body)
    assert dict(peek_anything(raw).units).items() >= {**units, "input_characters": len(raw)}.items()


def test_a_recording_that_is_passed_on_is_bound_by_its_length() -> None:
    def heard_ms(audio: bytes) -> int:
        return dict(peek_any_form((Field("file", audio, "a.mp3"),), 0).units)["audio_input_ms"]

    assert (heard_ms(bytes(75)), heard_ms(bytes(75_000))) == (LEAST_MS, 100_000)


@pytest.mark.parametrize(
    "body",
    [{"service_tier": "priority"}, {"serviceTier": "PRIORITY"}, {"serviceTier": {"type": "priority"}}],
)
def test_the_tier_of_a_call_that_is_passed_on_is_told(body: dict[str, Any]) -> None:
    assert peek_anything(orjson.dumps(body)).tier == "priority"


def test_googles_name_for_the_tier_is_known() -> None:
    assert peek_generate(b'{"contents":"x","serviceTier":"flex"}').tier == "flex"


def peeked(**fields: Any) -> Any:
    return peek_chat(orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}))


def test_a_chat_that_may_search_is_bounded() -> None:
    assert dict(peeked(web_search_options={}).units)["web_searches"] == SEARCHES_MAX
    assert peeked(search_parameters={}).units == (("search_sources", SOURCES_MAX),)
    assert peeked(search_parameters={"mode": "off"}).units == ()
    assert dict(peeked(search_parameters={"max_search_results": 5}).units)["search_sources"] == 5
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


@pytest.mark.parametrize(
    ("fields", "units"),
    [
        ({"plugins": [{"id": "web"}]}, {"web_searches": 1, "input": FOUND_TOKENS}),
        ({"plugins": [{"id": "web", "max_results": 11}]}, {"web_searches": 3, "input": 3 * FOUND_TOKENS}),
        ({"model": "openai/gpt-4o:online"}, {"web_searches": 1, "input": FOUND_TOKENS}),
        ({"plugins": [{"id": "response-healing"}, 5]}, {}),
        ({"plugins": "web"}, {}),
        ({"tools": [{"type": "openrouter:web_search"}]}, {"web_searches": SEARCHES_MAX}),
    ],
)
def test_what_openrouter_adds_to_a_chat_is_bounded(fields: dict[str, Any], units: dict[str, int]) -> None:
    found = dict(peeked(**fields).units)
    assert found.items() >= units.items()
    assert bool(found) == bool(units)


def test_a_document_that_openrouter_reads_is_bound_by_its_bytes() -> None:
    found = peeked(plugins=[{"id": "file-parser"}], metadata={"x": "y" * 3_000})
    assert dict(found.units) == {"pages": found.text_bytes // 300 + 1}
