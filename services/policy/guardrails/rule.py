"""What a content filter is made of: something to find, and what follows when it is found."""

from collections.abc import Callable
from typing import Any, NamedTuple

from services.policy.guardrails.spans import Span

Find = Callable[[str, str], list[Span]]
"""(a text, the same text in lower case) -> where it was found in the text, in order."""


class Rule(NamedTuple):
    """`tag` takes the place of what was found; None refuses the request, and `refusal` says why.

    `refusal` holds LiteLLM's fields: `error`, the sentence shown, and what was found, by the rule's name only.
    """

    find: Find
    tag: str | None
    refusal: dict[str, Any]
