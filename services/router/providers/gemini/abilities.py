"""What a Gemini model accepts, told from its name.

Sources: https://ai.google.dev/gemini-api/docs/thinking (budgets in 2.5, levels from 3 on),
https://ai.google.dev/gemini-api/docs/thought-signatures (demanded from 3 on),
https://ai.google.dev/gemini-api/docs/structured-output (JSON Schema from 2.0 on).
"""

from functools import lru_cache
from typing import Literal

import msgspec

from shared.usage.gemini_searches import version_of


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    thinking: Literal["none", "budget", "level"] = "level"
    """`budget`: thinkingConfig.thinkingBudget in tokens; `level`: thinkingConfig.thinkingLevel."""
    levels: tuple[str, ...] = ("low", "medium", "high")
    """The levels of thinking there are, from the least on."""
    budget_least: int = 0
    """The smallest thinkingBudget; 0 turns thinking off."""
    json_schema: bool = True
    """Takes JSON Schema; else the older subset of OpenAPI's schemas."""
    signatures: bool = True
    """Refuses calls of functions in the conversation that come back without the signature of their thought."""
    media_in_results: bool = True
    """Takes images in the response of a function."""


@lru_cache(maxsize=256)
def abilities_of(model: str) -> Abilities:
    """Return what `model` takes. A name that tells no version (gemini-pro-latest) is taken for a new one."""
    name = model.lower()
    version = version_of(name)
    if version is None:
        if "gemini" in name:
            return Abilities(signatures=False)
        return Abilities(thinking="none", signatures=False, media_in_results=False)  # gemma
    if version < (2, 0):
        return Abilities(thinking="none", json_schema=False, signatures=False, media_in_results=False)
    if version < (3, 0):
        least = 128 if "pro" in name else 0
        speaks = any(kind in name for kind in ("image", "tts", "native-audio"))  # such models do not think
        thinking: Literal["none", "budget"] = "budget" if version >= (2, 5) and not speaks else "none"
        return Abilities(thinking=thinking, budget_least=least, signatures=False, media_in_results=False)
    if "flash" in name and version < (3, 5):
        return Abilities(levels=("minimal", "low", "medium", "high"))
    return Abilities(levels=("low", "high")) if version == (3, 0) else Abilities()
