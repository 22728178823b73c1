"""What a call is taken to have used whose provider says nothing of it."""

from typing import Any

import orjson
import pytest

from services.router.job import Ending, Job
from services.router.providers.gemini.interactions import InteractionsListener
from services.router.providers.passed_kinds import Listening
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


async def settled(status: int, reader: PassedAnswer | None = None, **fields: Any) -> tuple[Usage, str]:
    job = Job(complete("req_1", "edge-1", BODY, **fields), BODY, AnswerWriter(_Bus(), "edge-1", "req_1"))  # type: ignore[arg-type]
    reader = reader or PassedAnswer(None, costs=True)
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


@pytest.mark.parametrize(
    ("told", "used"), [(3, (Usage(input=100, output=50), "assumed")), (4, (Usage(input=4, output=2), "provider"))]
)
async def test_what_goes_on_in_the_background_is_taken_at_its_most_unless_it_was_heard_to_its_end(
    told: int, used: tuple[Usage, str]
) -> None:
    reader = PassedAnswer(
        lambda _: Listening(InteractionsListener("gemini-3-pro"), True, "interactions"), costs=True, goes_on=True
    )
    reader.begin(200, {"content-type": "text/event-stream"}.get)
    assert reader.cut_as == ""
    usage = {"total_input_tokens": 4, "total_output_tokens": 2}
    events: list[dict[str, Any]] = [
        {"event_type": "interaction.created", "interaction": {"id": "v1"}},
        {"event_type": "step.delta", "delta": {"type": "text", "text": "hi"}},
        {"event_type": "step.stop", "usage": usage},
        {"event_type": "interaction.completed", "interaction": {"id": "v1", "usage": usage}},
    ]
    for event in events[:told]:
        reader.feed(b"data: " + orjson.dumps(event) + b"\n\n")
    assert await settled(200, reader, bound=Bound(100, 50, 1)) == used
