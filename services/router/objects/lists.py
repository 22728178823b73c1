"""GET /v1/files and /v1/batches: one's own, from what the gateway knows; a provider would list everybody's."""

import msgspec
import orjson

from services.router.job import Ending, Job, failed, now_ms
from shared.bus import Bus, BusError
from shared.errors import Unavailable
from shared.frames import Head
from shared.kept.object_calls import Page
from shared.kept.owned import Owned, all_owned


class _Purpose(msgspec.Struct):
    purpose: str = ""


_purpose_of = msgspec.json.Decoder(_Purpose).decode


async def listed(bus: Bus, job: Job) -> Ending:
    """Return the ending of a list; what it shows leaves once its fact is stored."""
    request, started_ms = job.call.request, now_ms()
    asked = request.object
    if asked is None or asked.page is None:
        raise ValueError("a list does not say which page it is to show")
    try:
        found = await all_owned(bus, asked.kind, asked.owner)
    except BusError as error:
        return failed(Unavailable(f"the list of {asked.kind}s cannot be read at the moment: {error}", retry_after_s=1))
    body = page_of(found, asked.page)
    headers = (("content-type", "application/json"), ("content-length", str(len(body))))
    head = Head(200, headers, False, bus.process, 0, job.call.answer_lines.encode("ascii"))
    ended_ms = now_ms()
    return Ending(
        started_ms=started_ms,
        first_token_ms=ended_ms,
        finished_ms=ended_ms,
        when_stored=lambda: job.answer.head(head, body, last=True),
    )


def page_of(found: list[Owned], page: Page) -> bytes:
    """Return a page in OpenAI's form. `found` is the newest first; behind an id that is not there, the first page."""
    if page.purpose:
        found = [owned for owned in found if _purpose_of(owned.shown).purpose == page.purpose]
    if page.ascending:
        found = found[::-1]
    start = next((place + 1 for place, owned in enumerate(found) if owned.id == page.after), 0)
    shown = found[start : start + page.limit]
    return orjson.dumps(
        {
            "object": "list",
            "data": [orjson.Fragment(owned.shown) for owned in shown],
            "first_id": shown[0].id if shown else None,
            "last_id": shown[-1].id if shown else None,
            "has_more": start + page.limit < len(found),
        }
    )
