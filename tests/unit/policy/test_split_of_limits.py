"""Which of a request's limits are at home in its own partition, and which elsewhere."""

from services.policy.limits.need import Need
from services.policy.limits.room import Limit, Over
from services.policy.partitions.decision import Part
from services.policy.partitions.take_messages import TakeAnswer, TakeAsk, decode_answer, decode_ask, encode
from services.policy.partitions.taking import split

KEY, USER, TAG = Limit("k", 1, "api_key", "k"), Limit("user:u", 2, "user", "u"), Limit("tag:x", 2, "tag", "x")


def part(*limits: Limit) -> Part:
    return Part(limits, Need(5), "total", 0, 1, 0, lambda: limits, "k")


def test_all_at_home_here_stays_as_it_is() -> None:
    whole = part(KEY)
    assert split(whole, 1) == (whole, {})


def test_what_is_elsewhere_goes_there_and_the_rest_stays() -> None:
    here, elsewhere = split(part(KEY, USER, TAG), 1)
    assert here is not None
    assert here.limits == here.again() == (KEY,)
    assert {home: one.limits for home, one in elsewhere.items()} == {2: (USER, TAG)}


def test_nothing_here_is_none() -> None:
    here, elsewhere = split(part(USER), 1)
    assert here is None
    assert list(elsewhere) == [2]


def test_a_limit_that_means_none_travels_however_large_it_is() -> None:
    unlimited = Limit("user:u", 2, "user", "u", tpm=10**24)
    ask = TakeAsk("r", "k", "t", (unlimited,), Need(5, 7), "total", 0, 1, 0, 9)
    assert decode_ask(encode(ask)) == ask
    answer = TakeAnswer(False, Over(unlimited, "tokens", 10**24, 3, None, True), "x: 1\r\n")
    assert decode_answer(encode(answer)) == answer
