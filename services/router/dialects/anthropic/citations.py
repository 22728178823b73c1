"""What a chat message cites, in Anthropic's blocks of text: one for each span, with what it cites.

Sources: https://platform.claude.com/docs/en/build-with-claude/citations,
https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool#citations
"""

from typing import Any

from services.router.providers.answers.annotations import Cited, cited_in, segments

_SUPPORTED = ("supported_text", "supported_from")
"""What a cited block's text is, and where in the answer it begins."""


def text_blocks(text: str, answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the text in blocks. Citations of Anthropic's own making, of documents too, are what they were."""
    spans = _own_spans(text, answer.get("provider_specific_fields"))
    if spans:
        return _cut(text, spans)
    cited = cited_in(answer.get("annotations"), len(text))
    if not cited:
        return [{"type": "text", "text": text}]
    pieces = segments(len(text), cited)
    return _blocks([(text[start:end], [citation(one) for one in found]) for start, end, found in pieces])


def citation(cited: Cited) -> dict[str, Any]:
    """Chat says which page it is; of the page's own words, and the mark to refer to them by, it knows nothing."""
    return {
        "type": "web_search_result_location",
        "url": cited.url,
        "title": cited.title,
        "encrypted_index": "",
        "cited_text": "",
    }


def _own_spans(text: str, own: object) -> list[tuple[int, int, list[dict[str, Any]]]]:
    """Return where the texts of cited blocks stand, in order; none where they are not Anthropic's, or not all there."""
    groups = own.get("citations") if isinstance(own, dict) else None
    spans, at = [], 0
    for group in groups if isinstance(groups, list) else ():
        if not isinstance(group, list) or not all(isinstance(one, dict) and "cited_text" in one for one in group):
            return []
        supported, start = (group[0].get(name) for name in _SUPPORTED) if group else (None, None)
        if not isinstance(supported, str) or not isinstance(start, int) or start < at:
            return []
        at = start + len(supported)
        if text[start:at] != supported:
            return []
        told = [{name: value for name, value in one.items() if name not in _SUPPORTED} for one in group]
        spans.append((start, at, told))
    return spans


def _cut(text: str, spans: list[tuple[int, int, list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    pieces: list[tuple[str, list[dict[str, Any]]]] = []
    at = 0
    for start, end, citations in spans:
        pieces += [(text[at:start], []), (text[start:end], citations)]
        at = end
    return _blocks([*pieces, (text[at:], [])])


def _blocks(pieces: list[tuple[str, list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    """A space between two citations stays behind the first: a block of nothing else is refused when it comes back."""
    blocks: list[dict[str, Any]] = []
    for text, citations in pieces:
        if not text:
            continue
        if blocks and not citations and not text.strip():
            blocks[-1]["text"] += text
            continue
        blocks.append({"type": "text", "text": text, **({"citations": citations} if citations else {})})
    return blocks
