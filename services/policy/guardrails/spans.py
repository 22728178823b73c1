"""Where in a text something was found, and the text with those places masked."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Span = tuple[int, int]
"""First character and the one behind the last."""


class Cover(NamedTuple):
    """A stretch of a text that a tag stands for."""

    start: int
    end: int
    tag: str


def uncovered(spans: Sequence[Span], covers: Sequence[Cover]) -> list[Span]:
    """Return the spans that do not lie wholly inside a cover. Both are in order, covers do not overlap."""
    if not covers:
        return list(spans)
    left: list[Span] = []
    at = 0
    for start, end in spans:
        while at < len(covers) and covers[at].end <= start:
            at += 1
        if at == len(covers) or start < covers[at].start or end > covers[at].end:
            left.append((start, end))
    return left


def covered(covers: Sequence[Cover], spans: Iterable[Span], tag: str) -> list[Cover]:
    """Return the covers with `spans` added, in order and without overlap.

    Where a span overlaps a cover, one cover with the older tag takes the place of both: nothing that either hides
    shows.
    """
    ranked = [(cover.start, cover.end, 0, cover.tag) for cover in covers]
    ranked += [(start, end, 1, tag) for start, end in spans if start < end]
    ranked.sort()
    joined: list[tuple[int, int, int, str]] = []
    for start, end, rank, tag_of in ranked:
        if joined and start < joined[-1][1]:
            first, last, older, kept = joined[-1]
            joined[-1] = (first, max(last, end), min(older, rank), kept if older <= rank else tag_of)
        else:
            joined.append((start, end, rank, tag_of))
    return [Cover(start, end, tag_of) for start, end, _, tag_of in joined]


def masked(text: str, covers: Sequence[Cover]) -> str:
    """Return the text with a tag in the place of each cover."""
    parts: list[str] = []
    at = 0
    for cover in covers:
        parts += (text[at : cover.start], cover.tag)
        at = cover.end
    parts.append(text[at:])
    return "".join(parts)
