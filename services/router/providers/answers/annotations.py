"""What an answer cites: chat's annotations, which every dialect can be made of and every provider's citations become.

`{"type": "url_citation", "url_citation": {"url", "title", "start_index", "end_index"}}`, the places counted in the
characters of the message's whole text. https://platform.openai.com/docs/api-reference/chat/object
"""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, NamedTuple


class Cited(NamedTuple):
    """A span of a text, from `start` up to `end`, and a page that it cites."""

    start: int
    end: int
    url: str
    title: str


def url_citation(url: str, title: str, start: int, end: int) -> dict[str, Any]:
    cited = {"url": url, "title": title, "start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": cited}


def cited_in(annotations: object, length: int) -> list[Cited]:
    """Return the pages that chat's annotations cite, in order; a span that is none, or missing, is all of the text."""
    found = []
    for annotation in annotations if isinstance(annotations, list) else ():
        told = annotation.get("url_citation") if isinstance(annotation, dict) else None
        if not isinstance(told, dict) or not isinstance(told.get("url"), str):
            continue
        start, end = told.get("start_index"), told.get("end_index")
        if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= length:
            start, end = 0, length
        found.append(Cited(start, end, told["url"], str(told.get("title") or "")))
    return found


def segments(length: int, cited: Iterable[Cited]) -> list[tuple[int, int, list[Cited]]]:
    """Cut a text where a span begins or ends: return each piece with what cites it, none for pieces in between."""
    spans = list(cited)
    cuts = sorted({0, length, *(one.start for one in spans), *(one.end for one in spans)})
    pieces = pairwise(cuts)
    return [(start, end, [one for one in spans if one.start <= start and end <= one.end]) for start, end in pieces]


class StreamedCitations:
    """A text that comes in pieces, and what its blocks cite: annotations are made when a block is whole."""

    def __init__(self, read: Callable[[list[Any], int, int], list[dict[str, Any]]]) -> None:
        """`read` makes annotations of a provider's citations, of a text that stands from one place up to another."""
        self._read = read
        self._length = 0
        self._start = 0
        self._citations: list[Any] = []
        self._told = 0

    def text(self, text: str) -> None:
        self._length += len(text)

    def cite(self, citation: Any) -> None:
        """Of the block that is open; it can come before the block's text."""
        self._citations.append(citation)

    def block_ends(self) -> list[dict[str, Any]]:
        """Return its annotations, each with its `index` in the answer, by which clients join what is streamed."""
        found = self._read(self._citations, self._start, self._length)
        self._start, self._citations = self._length, []
        first = self._told
        self._told += len(found)
        return [{"index": first + at, **one} for at, one in enumerate(found)]
