"""What a call is taken to have used whose provider says nothing of it."""

from typing import Any

import orjson
import pytest

from services.router.job import Ending, Job
from services.router.providers.passing import PassedAnswer
from services.router.settle_usage import settle_usage
from services.router.streaming.answer import AnswerWriter
from shared.calls import Bound
from shared.usage import NOTHING, Usage
from tests.router_calls import complete, deployment

BODY = orjson.dumps({"model": "m"})


class _Bus:
    process = "router-1"

    def publish(self, subject: str, payload: bytes, reply: str = "", headers: bytes = b"") -> None:
        raise AssertionError("nothing is written")


async def settled(status: int, **fields: Any) -> tuple[Usage, str]:
    job = Job(complete("req_1", "edge-1", BODY, **fields), BODY, AnswerWriter(_Bus(), "edge-1", "req_1"))  # type: ignore[arg-type]
    reader = PassedAnswer(None, costs=True)
    reader.begin(status, {}.get)
    ending = Ending(deployment=deployment(), reader=reader)
    await settle_usage(job, ending)
    return ending.usage, ending.usage_source


async def test_a_passed_call_without_figures_used_all_that_it_was_admitted_for() -> None:
    units = (("images", 3), ("input", 40), ("input_characters", 7))
    usage, source = await settled(200, bound=Bound(100, 50, 2), units=units)
    assert (usage, source) == (Usage(input=140, output=100, images=3, input_characters=7), "assumed")


async def test_a_passed_call_for_which_nothing_is_held_was_one_call() -> None:
    assert await settled(200, units=(("images", 3),)) == (Usage(), "assumed")


@pytest.mark.parametrize("status", [400, 500])
async def test_an_error_used_nothing(status: int) -> None:
    assert await settled(status, bound=Bound(100, 50, 1)) == (NOTHING, "none")
