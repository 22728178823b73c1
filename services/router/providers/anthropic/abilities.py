"""What a Claude model accepts, told from its name: Anthropic changed the request's form between generations.

Sources: https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting (thinking by model),
https://platform.claude.com/docs/en/about-claude/models/migration-guide (sampling parameters),
https://platform.claude.com/docs/en/models/opus-5-5/whats-new-opus-5-5 (forced tools),
https://platform.claude.com/docs/en/build-with-claude/structured-outputs (from 4.5 on).
"""

import re
from functools import lru_cache
from typing import Literal

import msgspec

# claude-3-7-sonnet-20250219, claude-sonnet-4-5, claude-opus-4.6, claude-haiku-4-5@20251001; a date is no version.
_VERSION = re.compile(r"claude-(?:([a-z]+)-)?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?")


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    thinking: Literal["none", "budget", "effort"] = "budget"
    """`budget`: thinking.budget_tokens; `effort`: adaptive thinking, steered by output_config.effort."""
    thinking_off: Literal["omit", "disabled", "between_tools", "never"] = "omit"
    """What turns thinking off: leaving it out, a value of thinking.type, or nothing."""
    sampling: bool = True
    """Takes temperature, top_p and top_k other than their defaults."""
    both_samplers: bool = True
    """Takes temperature and top_p in one request."""
    structured_output: bool = False
    """Takes output_config.format, and strict tools."""
    forced_tools: bool = True
    """Takes tool_choice any and tool."""


@lru_cache(maxsize=256)
def abilities_of(model: str) -> Abilities:
    """Return what `model` takes. A name that tells no version is taken for an older one, which refuses least."""
    if "mythos-preview" in model:
        return Abilities(
            thinking="effort",
            thinking_off="never",
            sampling=False,
            both_samplers=False,
            structured_output=True,
        )
    found = _VERSION.search(model.lower())
    if found is None:
        return Abilities()
    family, version = found[1] or "", (int(found[2]), int(found[3] or 0))
    if version < (4, 6):
        return Abilities(
            thinking="none" if version < (3, 7) else "budget",
            both_samplers=version < (4, 1),
            structured_output=version >= (4, 5),
        )
    return Abilities(
        thinking="effort",
        thinking_off=_thinking_off(family, version),
        sampling=version < (4, 7),
        both_samplers=False,
        structured_output=True,
        forced_tools=version <= (5, 0) or family == "haiku",
    )


def _thinking_off(family: str, version: tuple[int, int]) -> Literal["omit", "disabled", "between_tools", "never"]:
    if version < (5, 0):
        return "omit"  # off unless asked for
    if family in ("fable", "mythos") or (family == "opus" and version > (5, 0)):
        return "never"
    return "between_tools" if family == "sonnet" and version > (5, 0) else "disabled"
