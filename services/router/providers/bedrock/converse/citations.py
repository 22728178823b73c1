"""Citations of Converse as chat's annotations: those of pages; documents have no place there.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CitationLocation.html
"""

from typing import Any

from services.router.providers.answers.annotations import url_citation


def annotations_of(citations: object, start: int, end: int) -> list[dict[str, Any]]:
    """Return the annotations of a text that stands from `start` up to `end` in the answer's text."""
    found = []
    for citation in citations if isinstance(citations, list) else ():
        web = (citation.get("location") or {}).get("web") if isinstance(citation, dict) else None
        if isinstance(web, dict) and isinstance(web.get("url"), str):
            title = citation.get("title") or web.get("domain") or ""
            found.append(url_citation(web["url"], str(title), start, end))
    return found
