"""Citations of Anthropic's text blocks as chat's annotations: those of pages; documents have no place there.

Source: https://platform.claude.com/docs/en/build-with-claude/citations,
https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool#citations
"""

from typing import Any

from services.router.providers.answers.annotations import url_citation

_PLACES = {"web_search_result_location": "url", "search_result_location": "source"}


def annotations_of(citations: object, start: int, end: int) -> list[dict[str, Any]]:
    """Return the annotations of a text block that stands from `start` up to `end` in the answer's text."""
    found = []
    for citation in citations if isinstance(citations, list) else ():
        url = citation.get(_PLACES.get(str(citation.get("type")), "")) if isinstance(citation, dict) else None
        if isinstance(url, str) and url.startswith(("http://", "https://")):
            found.append(url_citation(url, str(citation.get("title") or ""), start, end))
    return found
