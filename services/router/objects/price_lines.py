"""What a batch's output cost: each line by its own usage, at a batch's prices, and the sum of them. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from shared.facts.batch import PricedLine
from shared.prices import Cost, PriceBook, PriceRow
from shared.prices.price_call import Priced, price_call
from shared.serving.deployments import Deployment
from shared.usage import NOTHING, Usage, usage_from_openai, usage_from_responses, usage_of

TIER = "batch"
CUSTOM_ID_MAX = 200


class _Response(msgspec.Struct):
    status_code: int = 0
    body: Any = None


class _Line(msgspec.Struct):
    custom_id: str = ""
    response: _Response | None = None


_decode = msgspec.json.Decoder(_Line).decode

_READERS: dict[str, Callable[[Any], Usage | None]] = {
    "acompletion": usage_from_openai,
    "atext_completion": usage_from_openai,
    "aembedding": usage_from_openai,
    "aresponses": usage_from_responses,
    "amoderation": lambda _: Usage(),
}


@dataclass(slots=True)
class LinePrices:
    """Lines are added one after the other; `unread` counts those that were answered and do not say what they used.

    Such a line is charged `assumed_pico`, its share of what was held.
    """

    prices: PriceBook
    deployment: Deployment
    call_type: str
    assumed_pico: int
    pico: int = 0
    discount_pico: int = 0
    margin_pico: int = 0
    unread: int = 0
    row: PriceRow | None = None
    prompt_tokens_max: int = 0
    mismatch: str = ""
    parts: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, text: bytes, now: float) -> PricedLine:
        """Count one line of the output.

        Raises:
            msgspec.DecodeError: it is none.
        """
        line = _decode(text)
        custom_id = line.custom_id[:CUSTOM_ID_MAX]
        response = line.response
        if response is None or not 200 <= response.status_code < 300:
            return PricedLine(custom_id=custom_id, status=response.status_code if response else 0, cost_pico=0)
        body = response.body if isinstance(response.body, dict) else {}
        usage = _READERS[self.call_type](body.get("usage"))
        response_id = str(body.get("id") or "")[:CUSTOM_ID_MAX]
        if usage is None:
            self.unread += 1
            self.pico += self.assumed_pico
            return PricedLine(custom_id=custom_id, response_id=response_id, status=200, cost_pico=self.assumed_pico)
        usage = msgspec.structs.replace(usage, tier=TIER)
        priced, usage = price_call(self.prices, self.deployment, usage, duration_ms=0, now=now)
        self._sum(usage, priced)
        return PricedLine(
            custom_id=custom_id,
            response_id=response_id,
            status=response.status_code,
            usage=usage.counts(),
            cost_pico=priced.pico,
            row=priced.row.id if priced.row is not None else "",
        )

    def _sum(self, usage: Usage, priced: Priced) -> None:
        for name, count in usage.counts().items():
            self.counts[name] = self.counts.get(name, 0) + count
        for name, pico in priced.computed.parts.items():
            self.parts[name] = self.parts.get(name, 0) + pico
        self.pico += priced.pico
        self.discount_pico += priced.discount_pico
        self.margin_pico += priced.margin_pico
        self.row = self.row or priced.row
        self.prompt_tokens_max = max(self.prompt_tokens_max, usage.prompt_tokens)
        self.mismatch = self.mismatch or usage.mismatch

    def usage(self) -> Usage:
        if not self.counts:
            return msgspec.structs.replace(NOTHING, tier=TIER, mismatch=self.problem())
        requests = self.counts.get("requests", 0)
        return usage_of({**self.counts, "requests": requests}, tier=TIER, mismatch=self.problem())

    def problem(self) -> str:
        if self.unread:
            return f"{self.unread} lines do not say what they used: each is charged its share of what was held"
        return self.mismatch

    def priced(self) -> Priced:
        """Return the sum; without a row and a cost it is not known."""
        if self.row is None and self.counts and not self.pico:
            return Priced(0, "none", Cost(0, {}, ()), None)
        computed = Cost(sum(self.parts.values()), self.parts, ())
        return Priced(self.pico, "computed", computed, self.row, self.discount_pico, self.margin_pico)
