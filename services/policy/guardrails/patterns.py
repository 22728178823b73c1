"""Finding what a regular expression describes, with a check of what was found and words that must stand near."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from services.policy.guardrails.rule import Find
from services.policy.guardrails.spans import Span

GAP_MAX = 80
"""Characters that may lie between a value and the word that makes it one."""

_WORD = re.compile(r"\w+")


class Prebuilt(NamedTuple):
    """A pattern with a name.

    `needs` is a string without which nothing can match, in lower case; `check` returns how many characters of a match
    are real, 0 for none; `near` are words of which one must stand next to it, at most one other word between.
    """

    regex: str
    needs: str = ""
    check: Callable[[str], int] | None = None
    near: tuple[str, ...] = ()


def edged(first: str, rest: str) -> str:
    """Return the regex for `first`, a class of one character, and `rest`, but not inside a longer word or number.

    Only ASCII letters count as part of a word, so values stand out in Japanese text too. The look back comes after the
    first character because the engine can only jump to candidates when it knows how they begin.
    """
    return rf"{first}(?<![\dA-Za-z_]{first})(?:{rest})(?![\dA-Za-z_])"


def prebuilt_finder(prebuilt: Prebuilt) -> Find:
    regex = re.compile(prebuilt.regex)
    needs = prebuilt.needs
    check = prebuilt.check
    words = re.compile(_any_of(prebuilt.near), re.IGNORECASE) if prebuilt.near else None

    def find(text: str, lowered: str) -> list[Span]:
        if needs and needs not in lowered:
            return []
        spans = _checked(regex, check, text) if check else [match.span() for match in regex.finditer(text)]
        return _near(text, spans, words) if words and spans else spans

    return find


def regex_finder(regex: re.Pattern[str]) -> Find:
    def find(text: str, _lowered: str) -> list[Span]:
        return [match.span() for match in regex.finditer(text)]

    return find


def _any_of(words: Sequence[str]) -> str:
    longest_first = sorted(words, key=len, reverse=True)
    terms = "|".join(r"\s{0,3}".join(re.escape(part) for part in word.split()) for word in longest_first)
    return rf"(?<!\w)(?:{terms})(?!\w)"


def _checked(regex: re.Pattern[str], check: Callable[[str], int], text: str) -> list[Span]:
    """After a match that fails the check the search goes on one character later: a real one may begin inside it."""
    spans: list[Span] = []
    at = 0
    while match := regex.search(text, at):
        start = match.start()
        length = check(match.group())
        if length:
            spans.append((start, start + length))
        at = start + (length or 1)
    return spans


def _near(text: str, spans: list[Span], words: re.Pattern[str]) -> list[Span]:
    found = [match.span() for match in words.finditer(text)]
    starts = [start for start, _ in found]
    kept: list[Span] = []
    for start, end in spans:
        after = bisect_right(starts, start)
        before = found[after - 1] if after else None
        behind = found[after] if after < len(found) else None
        if (before and _allowed(text, before[1], start)) or (behind and _allowed(text, end, behind[0])):
            kept.append((start, end))
    return kept


def _allowed(text: str, start: int, end: int) -> bool:
    """Say whether a word and a value belong together; `end` before `start` means that they overlap."""
    if end - start > GAP_MAX:
        return False
    gap = text[start:end] if start < end else ""
    return len(_WORD.findall(gap)) <= 1 and not any(char.isdigit() for char in gap)
