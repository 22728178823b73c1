"""How far a stream is read on whose client has left, where its key pays for so many tokens."""

from typing import Any

import pytest

from services.router.job import Job
from services.router.streaming.answer import AnswerWriter
from shared.interrupted import Interrupted
from tests.router_calls import complete

WORD = " apple"


def left(cap_tokens: int | None) -> Job:
    """Return a job whose stream nobody hears any more."""
    nowhere: Any = None
    body = b'{"model": "m", "stream": true}'
    job = Job(complete("req_1", "edge", body), body, AnswerWriter(nowhere, "edge", "req_1"))
    job.leave(Interrupted("drain_capped", 30.0, cap_tokens))
    return job


async def read_on(job: Job, at_once: int) -> int:
    """Return how many words were read when it was enough: `at_once` in each piece, the first as the client left."""
    words = 0
    for _ in range(1_000):
        words += at_once
        said = WORD * words
        if job.has_read_enough(lambda said=said: said):
            job.unlimited()
            return words - at_once
    job.unlimited()
    raise AssertionError("it would be read for ever")


@pytest.mark.parametrize(
    ("cap", "at_once", "most"), [(10, 1, 10), (500, 1, 500), (10, 50, 50), (100, 7, 105), (1, 1, 1)]
)
async def test_no_more_than_a_piece_is_read_beyond_the_cap(cap: int, at_once: int, most: int) -> None:
    job = left(cap)
    assert cap <= await read_on(job, at_once) <= most
    assert (job.cut, job.interrupted) == ("client", "capped")


async def test_pieces_that_grow_are_counted_soon_enough() -> None:
    job, words = left(200), 0
    for piece in range(100):
        words += 1 if piece < 20 else 40
        said = WORD * words
        if job.has_read_enough(lambda said=said: said):
            break
    job.unlimited()
    assert 200 <= words <= 200 + 16 * 40


async def test_texts_are_not_counted_with_every_piece() -> None:
    job, counted = left(1_000), []
    for words in range(1, 500):

        def said(words: int = words) -> str:
            counted.append(words)
            return WORD * words

        assert not job.has_read_enough(said)
    job.unlimited()
    assert len(counted) < 40


async def test_without_a_cap_of_tokens_only_the_time_counts() -> None:
    job = left(None)
    assert not job.has_read_enough(lambda: WORD * 10_000)
    job.unlimited()
