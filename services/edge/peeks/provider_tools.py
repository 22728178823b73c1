"""Tools that a provider runs itself and bills by the piece: how often at most."""

from typing import Any

from services.edge.peeks.peek import Units

SEARCHES_MAX = 100
"""Web searches of one answer where the request sets no `max_uses`: providers publish no bound."""

RUNS_MAX = 20
"""Searches of files, and sandboxes, of one answer."""

_GOOGLE = {"googleSearch", "google_search", "googleSearchRetrieval", "google_search_retrieval", "enterpriseWebSearch"}
_KINDS = (
    ("web_search", "web_searches", SEARCHES_MAX),
    ("x_search", "web_searches", SEARCHES_MAX),
    ("file_search", "file_searches", RUNS_MAX),
    ("code_interpreter", "code_sessions", RUNS_MAX),
    ("code_execution", "code_sessions", RUNS_MAX),
)


def tool_units(tools: list[Any] | None, *, searches: bool = False) -> Units:
    """Return the units that `tools` may use up; `searches` where another field asks for web searches."""
    most = {"web_searches": SEARCHES_MAX} if searches else {}
    for tool in tools or ():
        kind = tool.get("type") if isinstance(tool, dict) else None
        if kind == "function":
            continue
        if isinstance(kind, str):
            for name, usage_class, bound in _KINDS:
                if kind.startswith(name):
                    uses = tool.get("max_uses")
                    own = uses if type(uses) is int and 0 <= uses <= bound else bound
                    most[usage_class] = most.get(usage_class, 0) + own
        elif isinstance(tool, dict) and _GOOGLE & tool.keys():
            most["web_searches"] = most.get("web_searches", 0) + SEARCHES_MAX
    return tuple(most.items())
