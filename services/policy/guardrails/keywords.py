"""Finding a keyword of a deny list, as LiteLLM does: whatever its case, `*` for any one character or none."""

import re
import unicodedata

from services.policy.guardrails.rule import Find
from services.policy.guardrails.spans import Span


def keyword_finder(keyword: str, *, whole_word: bool) -> Find:
    """Return what finds `keyword`, also inside longer words unless `whole_word`.

    Accented letters are found in both ways Unicode writes them.

    Raises:
        ValueError: the keyword has nothing but wildcards, and would be found everywhere.
    """
    forms = sorted({unicodedata.normalize(form, keyword) for form in ("NFC", "NFD")} | {keyword})
    needles = tuple({max(form.lower().split("*"), key=len) for form in forms})
    if not all(needle.strip() for needle in needles):
        raise ValueError("a keyword needs a character other than * and blanks")
    source = "|".join(_pattern(form) for form in forms)
    if whole_word:
        source = rf"(?<!\w)(?:{source})(?!\w)"
    regex = re.compile(source, re.IGNORECASE)

    # Looking for a fixed string is some fifty times faster than a regex, and mostly there is nothing to find.
    first, *others = needles

    def find(text: str, lowered: str) -> list[Span]:
        if first in lowered or (others and any(needle in lowered for needle in others)):
            return [match.span() for match in regex.finditer(text)]
        return []

    return find


def _pattern(keyword: str) -> str:
    """One repeat for a row of wildcards: a `.?` for each could be matched in exponentially many ways."""
    pieces = re.split(r"(\*+)", keyword)
    return "".join(f".{{0,{len(piece)}}}" if piece.startswith("*") else re.escape(piece) for piece in pieces if piece)
