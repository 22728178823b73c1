"""A sliding window: how many requests and tokens were counted in its length up to now, never too few. Pure.

What comes within one grain of time is kept as one record and leaves with the last of it. So the memory is bounded by
`length_ms / grain_ms` records, nothing leaves too early, and what shares a grain leaves at most a grain too late.
"""

from bisect import bisect_left

import msgspec

_COMPACT_FROM = 64


class Sliding(msgspec.Struct, forbid_unknown_fields=True):
    """Counted at a time at or after all before it. `times` has the last of each grain, from index `start` on.

    `requests` and `tokens` are the sums of what has not been dropped yet: ask after `drop`.
    """

    length_ms: int
    grain_ms: int
    requests: int = 0
    tokens: int = 0
    start: int = 0
    times: list[int] = []
    each_requests: list[int] = []
    each_tokens: list[int] = []

    def add(self, at_ms: int, requests: int, tokens: int) -> None:
        """Count at `at_ms`; what comes out of order counts with the newest: a little later than it was."""
        times = self.times
        if len(times) > self.start and at_ms // self.grain_ms <= times[-1] // self.grain_ms:
            if at_ms > times[-1]:
                times[-1] = at_ms
            self.each_requests[-1] += requests
            self.each_tokens[-1] += tokens
        else:
            times.append(at_ms)
            self.each_requests.append(requests)
            self.each_tokens.append(tokens)
        self.requests += requests
        self.tokens += tokens

    def correct(self, at_ms: int, requests: int, tokens: int) -> None:
        """Add to what was counted at `at_ms`, unless it has left by now."""
        index = bisect_left(self.times, at_ms, self.start)
        if index == len(self.times) or at_ms // self.grain_ms != self.times[index] // self.grain_ms:
            return
        self.each_requests[index] += requests
        self.each_tokens[index] += tokens
        self.requests += requests
        self.tokens += tokens

    def drop(self, now_ms: int) -> None:
        """Forget what is not in the window that ends at `now_ms`: what was counted at now - length has just left."""
        left_ms, times, start = now_ms - self.length_ms, self.times, self.start
        while start < len(times) and times[start] <= left_ms:
            self.requests -= self.each_requests[start]
            self.tokens -= self.each_tokens[start]
            start += 1
        if start != self.start:
            self.start = start
            if start >= _COMPACT_FROM and 2 * start >= len(times):
                self.compact()

    def compact(self) -> None:
        """Free what the dropped records took: once they are as many as those left, which costs little each."""
        del self.times[: self.start], self.each_requests[: self.start], self.each_tokens[: self.start]
        self.start = 0

    @property
    def is_empty(self) -> bool:
        return self.start == len(self.times)

    def requests_leave_ms(self, count: int) -> int:
        """Return when `count` of the requests will have left, at most as many as there are."""
        return self._leave_ms(self.each_requests, count)

    def tokens_leave_ms(self, count: int) -> int:
        return self._leave_ms(self.each_tokens, count)

    def all_left_ms(self) -> int:
        """Return when nothing will be counted any more, 0 where nothing is."""
        return 0 if self.is_empty else self.times[-1] + self.length_ms

    def _leave_ms(self, each: list[int], count: int) -> int:
        for index in range(self.start, len(self.times)):
            count -= each[index]
            if count <= 0:
                return self.times[index] + self.length_ms
        return self.all_left_ms()


def minute() -> Sliding:
    """Return an empty window of a minute, in grains of 10 ms: 6,000 records at most, each 0.02 % late at most."""
    return Sliding(60_000, 10)


def day() -> Sliding:
    """Return an empty window of a day, in grains of a minute: 1,440 records at most, each 0.07 % late at most."""
    return Sliding(86_400_000, 60_000)
