"""Model names with wildcards, as `openai/*` or `*`: which of them serves a name, and what stands where the star is."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

MATCHES_KEPT = 4_096
"""Of names that were looked up: clients choose them."""

_OPENAI_NAMES = re.compile(r"(ft:)?(gpt-|chatgpt-|o[134](-|$)|text-embedding-|whisper-|tts-|dall-e-)")


class Match(NamedTuple):
    """`parts` is what stands where the stars of `pattern` are."""

    pattern: str
    parts: tuple[str, ...]


def provider_told_by(name: str) -> str | None:
    """Return the provider that a name without one gives away, as `gpt-4o` and `claude-3-haiku` do."""
    if _OPENAI_NAMES.match(name):
        return "openai"
    return "anthropic" if name.startswith("claude") else None


def fits(pattern: str, name: str) -> bool:
    """Return whether `pattern` covers `name`; only * is a wildcard, and it stands for any text, also with slashes."""
    return parts_in(pattern, name) is not None


def parts_in(pattern: str, name: str) -> tuple[str, ...] | None:
    """Return what in `name` stands where the stars of `pattern` are, None where it does not fit."""
    found = _compiled(pattern).fullmatch(name)
    return found.groups() if found else None


def filled(template: str, parts: tuple[str, ...]) -> str:
    """Return `template` with its stars replaced by `parts` in turn, the last part in all that are left."""
    for part in parts:
        template = template.replace("*", part, 1)
    return template.replace("*", parts[-1]) if parts else template


class Wildcards:
    """Finds the pattern that serves a name: of those that fit, the one that says most."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """What has no star among `patterns` is passed over."""
        found = [pattern for pattern in dict.fromkeys(patterns) if "*" in pattern]
        self.patterns = tuple(
            sorted(found, key=lambda pattern: (pattern.count("*") - len(pattern), pattern.count("*")))
        )
        self.match = lru_cache(MATCHES_KEPT)(self._match) if found else self._none

    def _match(self, name: str) -> Match | None:
        """Return the match; a name without a provider is also tried with the one it gives away."""
        if "*" in name:
            return None
        provider = None if "/" in name else provider_told_by(name)
        for candidate in (name, f"{provider}/{name}") if provider else (name,):
            for pattern in self.patterns:
                if (parts := parts_in(pattern, candidate)) is not None:
                    return Match(pattern, parts)
        return None

    def _none(self, name: str) -> Match | None:
        return None


@lru_cache(4_096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("(.*)".join(re.escape(text) for text in pattern.split("*")), re.DOTALL)
