"""How much of an answer the hold of its request pays for, and the end of a stream that would go beyond. Pure.

Tokens are counted in the text that goes to the client, as o200k counts them; and only when the bytes of the text are so
many that the hold might be used up. What repeats in every event cannot be text: most streams are never looked into.
"""

from collections.abc import Iterable, Sequence
from math import ceil
from typing import NamedTuple

from services.router.cuts.chat import ChatCut
from services.router.cuts.cut import Cut, Ending
from services.router.cuts.wire import Told
from shared import tokens
from shared.calls import Bound
from shared.prices import PriceRow, ceiling_pico
from shared.prices.cost import input_rate_ceiling, output_rate_ceiling, unit_rate_ceiling
from shared.usage import Usage


class Room(NamedTuple):
    """What is left for one try. `max_tokens` is to be sent where it is not None; no `line`: nothing to watch."""

    max_tokens: int | None
    line: "MoneyLine | None"


UNBOUND = Room(None, None)
LEARN_FROM = 4
"""Pieces of a stream that are looked at for what all its events have alike,"""
LEARN_BYTES = 4_096
"""and how much of each: some events, where all came at once."""


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
        self.cut: Cut = ChatCut()
        """How the stream is cut, by its dialect; to be set before the first piece."""
        self._covered = self._covers(input_tokens)
        self._reported: Usage | None = None
        self._text_bytes = 0  # at most, of all that was taken
        self._look_at = self._covered  # text bytes from which on the tokens have to be counted
        self._head = self._tail = b""  # of every event alike
        self._to_learn = LEARN_FROM
        self._unseen: list[bytes] = []
        self._counts: dict[int, _Count] = {}

    @property
    def tokens(self) -> int:
        """How many tokens were taken, once the line is reached."""
        return sum(count.tokens for count in self._counts.values())

    def may_be_reached(self, out: bytes, reported: Usage | None, *, said_all: bool) -> bool:
        """Note the next piece, whole events; return whether it must be looked into: then call `take` with the same.

        `reported` is what the provider has said to have used; with `said_all` it is the whole answer's.
        """
        if reported is not self._reported:
            self._reported = reported
            if reported is not None:
                self._covered = min(self._covered, self._covers(reported.prompt_tokens))
                self._look_at = min(self._look_at, self._covered)
        if self._to_learn:
            self._learn(out)
        size = len(out)
        if self._head:
            size -= out.count(self._head) * len(self._head)
        if self._tail:
            size -= out.count(self._tail) * len(self._tail)
        self._text_bytes += size
        if self._text_bytes > self._look_at and not (said_all and reported is not None and self._pays_for(reported)):
            return True
        self._unseen.append(out)
        return False

    def take(self, out: bytes) -> tuple[bytes, bool]:
        """Return what of `out` is paid for, and whether the line is reached."""
        if self._unseen:
            unseen = self._read(b"".join(self._unseen))
            self._unseen = []
            self._add(unseen)
            self._note(unseen)
        events = self._read(out)
        before = self._copied()
        self._add(events)
        if self.tokens <= self._covered:
            self._note(events)
            self._look_at = self._text_bytes + max(0, self._covered - self.tokens)
            return out, False
        self._counts = before
        paid: list[bytes] = []
        for event in events:
            left, before = self._covered - self.tokens, self._copied()
            self._add([event])
            if self.tokens > self._covered:
                self._counts = before
                paid += self._last_piece(event, left)
                return b"".join(paid), True
            self._note([event])
            paid.append(event.written)
        self._look_at = self._text_bytes + max(0, self._covered - self.tokens)
        return out, False

    def ending(self, answer_id: str, model: str, usage: Usage, *, shows_usage: bool) -> Ending:
        """Return the events that end the stream; `shows_usage`: the client asked for it, where that is its choice."""
        return self.cut.ending(answer_id, model, usage, shows_usage=shows_usage)

    def _pays_for(self, usage: Usage) -> bool:
        """Whatever it is counted as."""
        return usage.completion_tokens <= self._covers(usage.prompt_tokens)

    def _covers(self, input_tokens: int) -> int:
        rates = self._rates
        return (self._left_pico - rates.call_pico - input_tokens * rates.input_pico) // rates.output_pico

    def _learn(self, out: bytes) -> None:
        """Keep what the first event with a text begins and ends with: JSON around it, which no text can contain."""
        self._to_learn -= 1
        for event in self.cut.wire.split(out[:LEARN_BYTES])[0]:
            self._head, self._tail = self.cut.alike(event)
            if self._head:
                self._to_learn = 0
                return

    def _read(self, out: bytes) -> list["_Event"]:
        events, rest = self.cut.wire.split(out)
        read = self.cut.wire.read
        return [_Event(event, read(event)) for event in ([*events, rest] if rest else events)]

    def _copied(self) -> dict[int, "_Count"]:
        return {index: count.copy() for index, count in self._counts.items()}

    def _add(self, events: Sequence["_Event"]) -> None:
        """Count the texts of events: those of a choice together, which takes a fraction of counting each."""
        texts: dict[int, list[str]] = {}
        for event in events:
            for index, text in self.cut.texts(event.told) if event.told is not None else ():
                texts.setdefault(index, []).append(text)
        for index, parts in texts.items():
            count = self._counts.get(index)
            if count is None:
                count = self._counts[index] = _Count()
            count.add("".join(parts))

    def _note(self, events: Sequence["_Event"]) -> None:
        for event in events:
            if event.told is not None:
                self.cut.note(event.told)

    def _last_piece(self, event: "_Event", left: int) -> list[bytes]:
        """Return the event with as much of its text as is still paid for: a provider may send all in one."""
        told = event.told
        texts = self.cut.texts(told) if told is not None else []
        if told is None or len(texts) != 1 or left < 1:
            return []
        index, text = texts[0]
        count = self._counts.setdefault(index, _Count())
        beginning = tokens.beginning(text, left)
        while beginning:
            tried = count.copy()
            tried.add(beginning)
            if tried.tokens - count.tokens <= left:
                short = self.cut.shortened(event.written, told, beginning)
                if short is None:
                    return []
                self._counts[index] = tried
                self._note(self._read(short))
                return [short]
            beginning = tokens.beginning(text, tokens.count(beginning) - 1)
        return []


class _Event(NamedTuple):
    written: bytes
    told: Told | None  # what it says, where that can be read


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
