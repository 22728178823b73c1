"""What each holder with a limit uses of it, as a fold over its partition's journal and the facts. Pure.

A request is counted where and when its reservation says, which stands in the journal with its hold. Its end puts the
tokens it used in the place of those reserved, at the time it was admitted, and frees its slot.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from services.policy.limits.sliding import Sliding, day, minute

TokenType = Literal["total", "input", "output"]
"""Which tokens of a request count."""


class Reservation(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """What a request takes of its holders' limits: one request and `tokens`, in each of `accounts`, at `at_ms`.

    In those that are `daily`, too, the tokens count for a day as well. `running`: it has one of the slots, and its
    tokens are not known yet. `requests` is 0 for a response of a session, which has the request and the slot.
    """

    at_ms: int
    tokens: int
    accounts: tuple[str, ...]
    daily: tuple[str, ...] = ()
    counts: TokenType = "total"
    running: bool = True
    requests: int = 1


class Taken(msgspec.Struct, tag="taken", frozen=True, forbid_unknown_fields=True):
    """Journal: a request has taken its part of limits. Nothing is heard of it any more after `expires_ms`."""

    request: str
    expires_ms: int
    reservation: Reservation


class Stopped(msgspec.Struct, tag="stopped", frozen=True, forbid_unknown_fields=True):
    """Journal: nobody works on a request any more, whatever became of it: its slots are free."""

    request: str


class Counter(msgspec.Struct, forbid_unknown_fields=True):
    """`running` requests at this time, and `reserved`: their tokens, of which some may not be used after all."""

    minute: Sliding
    running: int = 0
    reserved: int = 0
    day: Sliding | None = None

    def drop(self, now_ms: int) -> None:
        """Forget what has left the windows by `now_ms`."""
        self.minute.drop(now_ms)
        if self.day is not None:
            self.day.drop(now_ms)

    @property
    def is_empty(self) -> bool:
        return not self.running and self.minute.is_empty and (self.day is None or self.day.is_empty)


UNUSED = Counter(minute())
"""Of whom nothing is counted. It is never written to."""

Counters = dict[str, Counter]


def reserve(counters: Counters, reservation: Reservation) -> None:
    for name in reservation.accounts:
        counter = counters.get(name)
        if counter is None:
            counter = counters[name] = Counter(minute())
        counter.minute.add(reservation.at_ms, reservation.requests, reservation.tokens)
        counter.running += reservation.requests
        counter.reserved += reservation.tokens
        if reservation.daily and name in reservation.daily:
            if counter.day is None:
                counter.day = day()
            counter.day.add(reservation.at_ms, reservation.requests, reservation.tokens)


def settle(counters: Counters, reservation: Reservation, tokens: int) -> None:
    """The request has ended, and used `tokens`."""
    _correct(counters, reservation, 0, tokens - reservation.tokens)
    _stop(counters, reservation)


def give_back(counters: Counters, reservation: Reservation) -> None:
    """The request was never sent to a provider."""
    _correct(counters, reservation, -reservation.requests, -reservation.tokens)
    _stop(counters, reservation)


def stop(counters: Counters, reservation: Reservation) -> Reservation:
    """The request runs no more, whatever it used: that stays counted as reserved. Return what is left of it."""
    _stop(counters, reservation)
    return msgspec.structs.replace(reservation, running=False)


def used_tokens(counts: TokenType, prompt_tokens: int, completion_tokens: int) -> int:
    if counts == "total":
        return prompt_tokens + completion_tokens
    return prompt_tokens if counts == "input" else completion_tokens


def _correct(counters: Counters, reservation: Reservation, requests: int, tokens: int) -> None:
    if not requests and not tokens:
        return
    for name in reservation.accounts:
        counter = counters.get(name)
        if counter is None:
            continue
        counter.minute.correct(reservation.at_ms, requests, tokens)
        if counter.day is not None and name in reservation.daily:
            counter.day.correct(reservation.at_ms, requests, tokens)


def _stop(counters: Counters, reservation: Reservation) -> None:
    if not reservation.running:
        return
    for name in reservation.accounts:
        counter = counters.get(name)
        if counter is not None:
            counter.running -= reservation.requests
            counter.reserved -= reservation.tokens


class Sweeper:
    """Goes round the counters, a few at a time, and forgets those in which nothing counts any more."""

    def __init__(self) -> None:
        self._names: Iterator[str] = iter(())

    def sweep(self, counters: Counters, now_ms: int, at_most: int) -> None:
        for _ in range(at_most):
            name = next(self._names, None)
            if name is None:
                self._names = iter(list(counters))
                return
            counter = counters.get(name)
            if counter is not None:
                counter.drop(now_ms)
                if counter.is_empty:
                    del counters[name]
