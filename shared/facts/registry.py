"""Which fact a stored message is: by kind and version, for ever."""

import msgspec
from pydantic import ValidationError

from shared.facts.batch import BatchPriced, CompletionDeferred
from shared.facts.budget import BudgetReset, BudgetThresholdCrossed
from shared.facts.completion import CompletionFinished, CompletionLost
from shared.facts.control import CONTROL_FACTS
from shared.facts.header import Fact
from shared.facts.holders import HOLDER_FACTS
from shared.facts.request import RequestAdmitted, RequestDenied, RequestReceived

REQUEST_FACTS: tuple[type[Fact], ...] = (
    RequestReceived,
    RequestAdmitted,
    RequestDenied,
    CompletionFinished,
    CompletionLost,
    CompletionDeferred,
    BatchPriced,
)
ALL_FACTS: tuple[type[Fact], ...] = (*REQUEST_FACTS, *CONTROL_FACTS, *HOLDER_FACTS, BudgetThresholdCrossed, BudgetReset)


class UnreadableFact(ValueError):
    """The payload is not a fact of a kind and version known here."""


class _Kind(msgspec.Struct):
    kind: str = ""
    v: int = 0


_peek = msgspec.json.Decoder(_Kind).decode


def by_kind(*facts: type[Fact]) -> dict[tuple[str, int], type[Fact]]:
    return {(fact.KIND, fact.VERSION): fact for fact in facts}


KNOWN = by_kind(*ALL_FACTS)


def decode_fact(payload: bytes, known: dict[tuple[str, int], type[Fact]] = KNOWN) -> Fact:
    """Return the fact of `payload`.

    Raises:
        UnreadableFact
    """
    try:
        head = _peek(payload)
        fact = known.get((head.kind, head.v))
        if fact is None:
            raise UnreadableFact(f"no fact {head.kind!r} version {head.v} is known here")
        return fact.model_validate_json(payload)
    except (msgspec.DecodeError, ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableFact(str(error)) from error
