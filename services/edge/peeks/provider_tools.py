"""Tools that a provider runs itself: how often at most, what they are billed by, and how much they make it read."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from services.edge.peeks.peek import Units
from shared.payloads.picture_sizes import pixels_of

SEARCHES_MAX = 100
"""Web searches of one answer where the request sets no `max_uses`: providers publish no bound."""

RUNS_MAX = 20
"""Searches of files, pages fetched, and sandboxes, of one answer."""

PICTURES_MAX = 10
PICTURE_TOKENS = 6_240
"""What a picture of 1536 by 1024 at high quality has. https://platform.openai.com/docs/guides/image-generation"""
_PICTURE_PIXELS = 1536 * 1024

SOURCES_MAX = 50
"""Sources of xAI's Live Search: `max_search_results` is 20 where it is not set, 50 at most."""

ROUNDS_MAX = 10
"""How often a model goes on with what its tools found, within one answer: Anthropic stops it there (`pause_turn`).
https://platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools"""

FOUND_TOKENS = 10_000
"""What one search of the web puts before the model: OpenAI bills a block of 8,000 where it bills a fixed one. Code
that is run prints as much here: no bound is published.
https://platform.openai.com/docs/pricing#built-in-tools"""

CHUNK_TOKENS, CHUNKS = 800, 20
"""Of a search of files, unless `max_num_results` says otherwise. https://platform.openai.com/docs/guides/tools-file-search"""

PAGE_TOKENS = 100_000
"""What one page or paper that is fetched has, unless `max_content_tokens` says less.
https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-fetch-tool"""


RESULTS = 5
PAGE_BYTES = 300
"""Of a page of a document, at least: what is sent is base64."""


class _Kind(NamedTuple):
    """Of a tool: the class it is billed by, "" for its tokens alone; runs and tokens read in each, at most."""

    usage_class: str
    runs: int
    read: int = 0


_KINDS = (  # by what a tool's type begins with; the longer name stands first
    ("web_search_premium", _Kind("news_searches", SEARCHES_MAX, FOUND_TOKENS)),  # Mistral's
    ("web_search", _Kind("web_searches", SEARCHES_MAX, FOUND_TOKENS)),
    ("x_search", _Kind("web_searches", SEARCHES_MAX, FOUND_TOKENS)),
    ("openrouter:web_search", _Kind("web_searches", SEARCHES_MAX, FOUND_TOKENS)),
    ("google_search", _Kind("web_searches", SEARCHES_MAX)),  # of Gemini's interactions; its finds are read for nothing
    ("google_maps", _Kind("map_searches", SEARCHES_MAX)),
    ("url_context", _Kind("", RUNS_MAX, PAGE_TOKENS)),
    ("browser_search", _Kind("web_searches", SEARCHES_MAX, FOUND_TOKENS)),
    ("web_fetch", _Kind("", RUNS_MAX, PAGE_TOKENS)),
    ("fetch_url", _Kind("", RUNS_MAX, PAGE_TOKENS)),
    ("file_search", _Kind("file_searches", RUNS_MAX, CHUNK_TOKENS * CHUNKS)),
    ("collections_search", _Kind("file_searches", RUNS_MAX, CHUNK_TOKENS * CHUNKS)),
    ("document_library", _Kind("file_searches", RUNS_MAX, FOUND_TOKENS)),  # Mistral's, as the next
    ("connector", _Kind("", RUNS_MAX, FOUND_TOKENS)),
    ("mcp", _Kind("", RUNS_MAX, FOUND_TOKENS)),
    ("code_interpreter", _Kind("code_sessions", RUNS_MAX)),
    ("code_execution", _Kind("code_sessions", RUNS_MAX, FOUND_TOKENS)),
    ("shell", _Kind("code_sessions", RUNS_MAX)),
    ("image_generation", _Kind("tool_image_output", PICTURES_MAX)),
)
_GOOGLE = {  # names of a tool's only field; what a search finds there is read for nothing
    "googleSearch": _Kind("web_searches", SEARCHES_MAX),
    "google_search": _Kind("web_searches", SEARCHES_MAX),
    "googleSearchRetrieval": _Kind("web_searches", SEARCHES_MAX),
    "google_search_retrieval": _Kind("web_searches", SEARCHES_MAX),
    "enterpriseWebSearch": _Kind("web_searches", SEARCHES_MAX),
    "googleMaps": _Kind("map_searches", SEARCHES_MAX),
    "google_maps": _Kind("map_searches", SEARCHES_MAX),
    "codeExecution": _Kind("", RUNS_MAX, FOUND_TOKENS),
    "code_execution": _Kind("", RUNS_MAX, FOUND_TOKENS),
    "fileSearch": _Kind("", RUNS_MAX, CHUNK_TOKENS * CHUNKS),
    "file_search": _Kind("", RUNS_MAX, CHUNK_TOKENS * CHUNKS),
    "urlContext": _Kind("", RUNS_MAX, PAGE_TOKENS),
    "url_context": _Kind("", RUNS_MAX, PAGE_TOKENS),
}
_SEARCHING = _Kind("web_searches", SEARCHES_MAX, FOUND_TOKENS)


def tool_units(tools: object, prompt_bytes: int, *, runs_max: object = None, searches: bool = False) -> Units:
    """Return the units that `tools` may use up, and the tokens that are read on top of the request, as `input`.

    `prompt_bytes` bounds the request's own tokens, which are read again with what each run has found. `runs_max` is how
    many runs of any tool the request allows in all, `searches` whether another field of it asks for web searches.
    """
    most: dict[str, int] = {}
    reading: list[tuple[int, int]] = []  # runs, and tokens of each
    for kind, tool in (*_run_by_provider(tools), *(((_SEARCHING, {}),) if searches else ())):
        runs = _at_most(kind.runs, tool.get("max_uses"), runs_max)
        if kind.usage_class:
            units = runs * _picture_tokens(tool) if kind.usage_class == "tool_image_output" else runs
            most[kind.usage_class] = most.get(kind.usage_class, 0) + units
            if kind.usage_class == "tool_image_output":  # Mistral's are billed by the piece
                most["tool_images"] = most.get("tool_images", 0) + runs
        if runs:
            reading.append((runs, _read_by(tool, kind)))
    if reading:
        most["input"] = _read_again(reading, prompt_bytes)
    return tuple(most.items())


def live_search_units(parameters: object) -> Units:
    """Return the units of xAI's `search_parameters`, which bills the sources it reads."""
    fields = parameters if isinstance(parameters, dict) else {}
    if fields.get("mode") == "off":
        return ()
    return (("search_sources", min(SOURCES_MAX, _whole(fields.get("max_search_results"), SOURCES_MAX))),)


def plugin_units(plugins: object, model: str, body_bytes: int) -> Units:
    """Return the units of OpenRouter's `plugins`, and of a model that is asked for with its search (`:online`).

    A search is billed by five results, a document by the page. https://openrouter.ai/docs/features/web-search,
    https://openrouter.ai/docs/features/multimodal/pdfs
    """
    found = [plugin for plugin in plugins if isinstance(plugin, dict)] if isinstance(plugins, list) else []
    if model.endswith(":online"):
        found.append({"id": "web"})
    units: dict[str, int] = {}
    for plugin in found:
        if plugin.get("id") == "web":
            searches = -(-_whole(plugin.get("max_results"), RESULTS) // RESULTS)
            units["web_searches"] = units.get("web_searches", 0) + searches
            units["input"] = units.get("input", 0) + searches * FOUND_TOKENS
        elif plugin.get("id") == "file-parser":
            units["pages"] = body_bytes // PAGE_BYTES + 1
    return tuple(units.items())


def _run_by_provider(tools: object) -> Iterable[tuple[_Kind, dict[str, Any]]]:
    """Yield what is run for the model and not by the client. Google takes a single tool for a list."""
    for tool in tools if isinstance(tools, list) else [tools]:
        if not isinstance(tool, dict):
            continue
        kind = tool.get("type")
        if isinstance(kind, str):
            if kind != "function":
                yield from [(found, tool) for name, found in _KINDS if kind.startswith(name)][:1]
        else:
            yield from ((_GOOGLE[name], {}) for name in tool if name in _GOOGLE)


def _read_again(reading: list[tuple[int, int]], prompt_bytes: int) -> int:
    """Return the tokens of all rounds after the first: each has the prompt and all that was found before it."""
    found = sorted((tokens for runs, tokens in reading for _ in range(runs)), reverse=True)[:ROUNDS_MAX]
    return len(found) * prompt_bytes + sum(tokens * (len(found) - at) for at, tokens in enumerate(found))


def _read_by(tool: dict[str, Any], kind: _Kind) -> int:
    if kind.usage_class == "file_searches" and kind.read == CHUNK_TOKENS * CHUNKS:
        return CHUNK_TOKENS * _whole(tool.get("max_num_results"), CHUNKS)
    return min(kind.read, _whole(tool.get("max_content_tokens"), kind.read))


def _picture_tokens(tool: dict[str, Any]) -> int:
    pixels = pixels_of(tool.get("size")) or 0
    return -(-PICTURE_TOKENS * max(_PICTURE_PIXELS, pixels) // _PICTURE_PIXELS)


def _at_most(bound: int, *allowed: object) -> int:
    return min(bound, *[_whole(each, bound) for each in allowed])


def _whole(value: object, otherwise: int) -> int:
    return value if type(value) is int and value >= 0 else otherwise
