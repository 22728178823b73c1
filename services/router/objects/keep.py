"""What is remembered of a file or batch once the provider has made, shown or deleted it: before its client hears."""

import msgspec
import structlog

from services.router.job import Ending, Job, now_ms
from shared.bus import Bus, BusError
from shared.errors import Unavailable
from shared.object_calls import CREATE_BATCH, CREATE_FILE, DELETE_FILE, FILE_CONTENT
from shared.owned import Owned, find_owned, forget_owned, keep_owned

log = structlog.get_logger()


async def keep_object(bus: Bus, job: Job, ending: Ending) -> None:
    """Raises: Unavailable: what was made cannot be remembered, so that nobody could ask for it."""
    request, reader = job.call.request, ending.reader
    asked = request.object
    if asked is None or reader is None or ending.deployment is None or request.call_type == FILE_CONTENT:
        return
    try:
        if request.call_type in (CREATE_FILE, CREATE_BATCH):
            owned = Owned(
                asked.kind,
                reader.response_id,
                asked.owner,
                request.caller.key,
                request.group,
                request.model,
                ending.deployment.id,
                now_ms(),
                ending.body,
                asked.lines if request.call_type == CREATE_FILE else None,
                request.request_id,
            )
            await keep_owned(bus, owned)
            return
        found = await find_owned(bus, asked.kind, asked.owner, asked.id)
        if found is None:
            return
        if request.call_type == DELETE_FILE:
            await forget_owned(bus, found)
        elif found.shown != ending.body:
            await keep_owned(bus, msgspec.structs.replace(found, shown=ending.body))
    except BusError as error:
        log.error("an object of a provider could not be remembered", request=request.request_id, error=str(error))
        raise Unavailable(f"the {asked.kind} could not be remembered", retry_after_s=1) from error
