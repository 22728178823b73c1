"""How much of an answer the hold of its request pays for, and the end of a stream that would go beyond. Pure.

Tokens are counted in the text that goes to the client, as o200k counts them; and only when the bytes of the text are so
many that the hold might be used up. What repeats in every event cannot be text: most streams are never looked into.
"""

from collections.abc import Iterable, Sequence
from math import ceil
from typing import Any, NamedTuple

import orjson

from services.router.providers.openai.answer_text import texts_by_choice
from shared import tokens
from shared.calls import Bound
from shared.prices import PriceRow, ceiling_pico
from shared.prices.cost import input_rate_ceiling, output_rate_ceiling, unit_rate_ceiling
from shared.usage import Usage

_DELTA = b'"delta":{'
_FINISH = b'"finish_reason":'


class Room(NamedTuple):
    """What is left for one try. `max_tokens` is to be sent where it is not None; no `line`: nothing to watch."""

    max_tokens: int | None
    line: "MoneyLine | None"


UNBOUND = Room(None, None)


class Rates(NamedTuple):
    """The dearest that a token can cost at a price, a call as such, and a millisecond of it; pico-dollars."""

    input_pico: int
    output_pico: int
    call_pico: int
    ms_pico: int = 0


def rates_of(rows: Iterable[PriceRow]) -> Rates:
    """Return the dearest of the rows that a call may be priced by, terms included (shared.prices.dearest_rows)."""
    found = list(rows)
    return Rates(
        max(ceil(input_rate_ceiling(row)) for row in found),
        max(ceil(output_rate_ceiling(row)) for row in found),
        max(ceiling_pico(row, input_tokens=0, output_tokens=0) for row in found),
        max(ceil(unit_rate_ceiling(row, "compute_ms")) for row in found),
    )


def with_units(
    left_pico: int, bound: Bound, rows: Sequence[PriceRow], units: tuple[tuple[str, int], ...]
) -> tuple[int, Bound]:
    """Return what is left beside `units` of other classes at their dearest, and the bound with what tools read."""
    read = 0
    for name, count in units:
        if name == "input":
            read += count
        else:
            left_pico -= count * max(ceil(unit_rate_ceiling(row, name)) for row in rows)
    return left_pico, Bound(bound.input_tokens + read, bound.output_tokens, bound.n)


def room_for(left_pico: int, rates: Rates, bound: Bound, *, writes: bool = True) -> Room | None:
    """Return what `left_pico` of a hold pays for at a deployment with those rates; None: not even one token.

    `writes` False: a call whose answer is no text that grows, so that its input is all there is to pay for.
    """
    for_answers = left_pico - rates.call_pico - bound.input_tokens * rates.input_pico
    if rates.output_pico == 0 or not writes:
        return UNBOUND if for_answers >= 0 else None
    covered = for_answers // rates.output_pico
    if covered < bound.n:
        return None
    line = MoneyLine(left_pico, rates, bound.input_tokens)
    return Room(None if covered >= bound.n * bound.output_tokens else covered // bound.n, line)


class MoneyLine:
    """One streamed answer. Give `take` every piece in order; after it has said that the line is reached, no more."""

    def __init__(self, left_pico: int, rates: Rates, input_tokens: int) -> None:
        self._left_pico = left_pico
        self._rates = rates
        self._covered = self._covers(input_tokens)
        self._reported: Usage | None = None
        self._text_bytes = 0  # at most, of all that was taken
        self._look_at = self._covered  # text bytes from which on the tokens have to be counted
        self._head = self._tail = b""  # of every event alike
        self._unseen: list[bytes] = []
        self._counts: dict[int, _Count] = {}
        self._envelope: dict[str, Any] = {}

    @property
    def tokens(self) -> int:
        """How many tokens were taken, once the line is reached."""
        return sum(count.tokens for count in self._counts.values())

    def may_be_reached(self, out: bytes, reported: Usage | None) -> bool:
        """Note the next piece; return whether it must be looked into: then call `take` with the same."""
        if reported is not self._reported:
            self._reported = reported
            if reported is not None:
                self._covered = min(self._covered, self._covers(reported.prompt_tokens))
                self._look_at = min(self._look_at, self._covered)
        if not self._head:
            self._learn(out)
        size = len(out)
        if self._head:
            size -= out.count(self._head) * len(self._head)
        if self._tail:
            size -= out.count(self._tail) * len(self._tail)
        self._text_bytes += size
        if self._text_bytes > self._look_at:
            return True
        self._unseen.append(out)
        return False

    def take(self, out: bytes, *, cost_known: bool) -> tuple[bytes, bool]:
        """Return what of `out` is paid for, and whether the line is reached.

        `cost_known`: the provider has said what the whole answer used, and it is paid for.
        """
        self._add([event for block in self._unseen for event in _events(block)])
        self._unseen = []
        events = _events(out)
        before = {index: count.copy() for index, count in self._counts.items()}
        self._add(events)
        if cost_known or self.tokens <= self._covered:
            self._look_at = self._text_bytes + max(0, self._covered - self.tokens)
            return out, False
        self._counts = before
        paid: list[bytes] = []
        for event in events:
            left = self._covered - self.tokens
            before = {index: count.copy() for index, count in self._counts.items()}
            self._add([event])
            if self.tokens > self._covered:
                self._counts = before
                paid += self._last_piece(event, left)
                return b"".join(paid), True
            paid.append(event)
        self._look_at = self._text_bytes + max(0, self._covered - self.tokens)
        return out, False

    def ending(self, answer_id: str, model: str, usage: Usage | None) -> bytes:
        """Return the events that end the stream; `usage` is told where the client asked for it."""
        envelope = self._envelope or {"id": answer_id, "object": "chat.completion.chunk", "created": 0, "model": model}
        choices = [{"index": index, "delta": {}, "finish_reason": "length"} for index in sorted(self._counts) or [0]]
        chunks: list[dict[str, Any]] = [{**envelope, "choices": choices}]
        if usage is not None:
            told = {
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "total_tokens": usage.total_tokens,
            }
            chunks.append({**envelope, "choices": [], "usage": told})
        return b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks)

    def is_paid(self, usage: Usage) -> bool:
        """Return whether the hold pays for that much, whatever it is counted as."""
        return usage.completion_tokens <= self._covers(usage.prompt_tokens)

    def _covers(self, input_tokens: int) -> int:
        rates = self._rates
        return (self._left_pico - rates.call_pico - input_tokens * rates.input_pico) // rates.output_pico

    def _learn(self, out: bytes) -> None:
        """Keep what the first event begins and ends with: JSON around a text, which no text can contain."""
        end = out.find(b"\n\n") + 2
        delta, finish = out.find(_DELTA, 0, end), out.rfind(_FINISH, 0, end)
        if end > 1 and 0 < delta < finish:
            self._head = out[: delta + len(_DELTA)]
            self._tail = out[finish:end]

    def _add(self, events: Sequence[bytes]) -> None:
        """Count the texts of events: those of a choice together, which takes a fraction of counting each."""
        texts: dict[int, list[str]] = {}
        for event in events:
            chunk = _chunk(event)
            if chunk is None:
                continue
            if not self._envelope:
                self._envelope = {name: chunk[name] for name in chunk if name not in ("choices", "usage")}
            for index, text in texts_by_choice(chunk):
                texts.setdefault(index, []).append(text)
        for index, parts in texts.items():
            count = self._counts.get(index)
            if count is None:
                count = self._counts[index] = _Count()
            count.add("".join(parts))

    def _last_piece(self, event: bytes, left: int) -> list[bytes]:
        """Return the event with as much of its text as is still paid for: a provider may send all in one."""
        chunk = _chunk(event)
        choices = (chunk or {}).get("choices")
        if chunk is None or not isinstance(choices, list) or len(choices) != 1 or left < 1:
            return []
        delta = choices[0].get("delta")
        text = delta.get("content") if isinstance(delta, dict) else None
        if not isinstance(text, str) or len(texts_by_choice(chunk)) != 1:
            return []
        index = texts_by_choice(chunk)[0][0]
        count = self._counts.setdefault(index, _Count())
        beginning = tokens.beginning(text, left)
        while beginning:
            tried = count.copy()
            tried.add(beginning)
            if tried.tokens - count.tokens <= left:
                self._counts[index] = tried
                short = {**choices[0], "delta": {**delta, "content": beginning}, "finish_reason": None}
                return [b"data: " + orjson.dumps({**chunk, "choices": [short]}) + b"\n\n"]
            beginning = tokens.beginning(text, tokens.count(beginning) - 1)
        return []


class _Count:
    """The tokens of a text that grows: what stands before its last word is counted once."""

    __slots__ = ("_before", "_rest", "tokens")

    def __init__(self, before: int = 0, rest: str = "", counted: int = 0) -> None:
        self._before = before
        self._rest = rest
        self.tokens = counted

    def copy(self) -> "_Count":
        return _Count(self._before, self._rest, self.tokens)

    def add(self, text: str) -> None:
        whole = self._rest + text
        cut = whole.rfind(" ")
        if cut > 0:
            self._before += tokens.count(whole[:cut])
            whole = whole[cut:]
        self._rest = whole
        self.tokens = self._before + tokens.count(whole)


def _events(block: bytes) -> list[bytes]:
    return [event + b"\n\n" for event in block.split(b"\n\n") if event]


def _chunk(event: bytes) -> dict[str, Any] | None:
    data = event.strip()
    if not data.startswith(b"data:"):
        return None
    try:
        chunk = orjson.loads(data[5:])
    except orjson.JSONDecodeError:  # [DONE], or what no client could read either
        return None
    return chunk if isinstance(chunk, dict) else None
