"""How many tokens a model can write at most: what a hold must cover when the client sets no maximum.

A model that the table only resembles is not in it: gpt-4-32k writes more than gpt-4, and a limit too low is a budget
passed.
"""

import re
import tomllib
from functools import cache, lru_cache
from pathlib import Path

from shared.prices.catalogue import context_window


def max_output_tokens(provider: str, model: str) -> int | None:
    """Return the model's own maximum, its context window where only that is known, else None."""
    return own_output_limit(model) or context_window(provider, model)


_RELEASE = r"\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4}|\d{3}|latest|(?:preview|exp)(?:-\d{2}-\d{2,4})?|v\d(?::\d)?"
_SAME_MODEL = re.compile(rf"(?:[-@:](?:{_RELEASE}))*\Z")
"""What may follow a model's name and still be that model: the date, the number or the state of a release."""


@lru_cache(4096)
def own_output_limit(model: str) -> int | None:
    """Return the most tokens the model writes in one answer, None where the table does not know."""
    name = model.rsplit("/", 1)[-1].lower()
    for known, limit in _limits():
        at = name.find(known)  # bedrock puts a region and a maker in front
        if at >= 0 and (at == 0 or name[at - 1] == ".") and _SAME_MODEL.match(name, at + len(known)):
            return limit
    return None


@cache
def _limits() -> tuple[tuple[str, int], ...]:
    table = tomllib.loads(Path(__file__).with_name("limits.toml").read_text(encoding="utf-8"))
    limits = [(name.lower(), limit) for name, limit in table["max_output_tokens"].items()]
    return tuple(sorted(limits, key=lambda entry: -len(entry[0])))  # the longest name speaks
