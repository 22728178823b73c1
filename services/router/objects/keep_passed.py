"""What is remembered of an object that a call has made which went to a provider as it is: before its client hears."""

from urllib.parse import unquote

import structlog

from services.router.job import Ending, Job, now_ms
from services.router.objects.conversations import keep_conversing
from services.router.responses import keep as keep_response
from shared.bus import Bus, BusError
from shared.calls import Admit
from shared.errors import Unavailable
from shared.identity.owner_names import owner_of
from shared.kept.conversations import Conversation, encode_conversation
from shared.kept.owned import Owned, find_owned, forget_owned, keep_owned
from shared.kept.passed_objects import PassedObject, makes_response, object_in
from shared.serving.deployments import Deployment

log = structlog.get_logger()


async def keep_named(bus: Bus, job: Job, object_id: str, deployment: Deployment) -> None:
    """Remember whose it is what a stream has named, so that its maker can ask for it while the stream goes on.

    Where that fails, `keep_passed` tries again at the stream's end.
    """
    concerned = object_in(deployment.provider, *job.call.request.passed)
    if concerned is None or not concerned.makes:
        return
    try:
        await keep_owned(bus, _made(job.call.request, deployment, concerned, object_id))
    except BusError as error:
        _log_lost(job, error)
    else:
        job.named = True


async def keep_passed(bus: Bus, job: Job, ending: Ending) -> None:
    """Remember whose it is what a call made that went to a provider as it is, or that it is deleted.

    Raises:
        Unavailable: nobody could ask for what was made.
    """
    request, reader, deployment = job.call.request, ending.reader, ending.deployment
    method, target = request.passed
    if deployment is None or reader is None or ending.status >= 300:
        return
    if makes_response(method, target):
        await keep_response(bus, job, ending)
        return
    concerned = object_in(deployment.provider, method, target)
    if concerned is None or (not concerned.makes and method not in ("DELETE", "POST", "PATCH")):
        return
    try:
        if await keep_conversing(bus, job, ending, concerned):
            return
        if concerned.makes and reader.response_id and concerned.kind.endswith(" interactions"):
            read_again = ending.usage.total_tokens
            await keep_owned(bus, _made(request, deployment, concerned, reader.response_id, tokens=read_again))
        elif concerned.makes and reader.response_id and not job.named:
            await keep_owned(bus, _made(request, deployment, concerned, reader.response_id))
        elif method == "DELETE" and _deletes_it(target, concerned.id):
            caller = request.caller
            owner = owner_of(caller.key, caller.user_id, caller.team_id)
            found = await find_owned(bus, concerned.kind, owner, concerned.id)
            if found is not None:
                await forget_owned(bus, found)
    except BusError as error:
        _log_lost(job, error)
        if job.named:
            return  # who goes on from it is held for less than it will read
        raise Unavailable("what was made could not be remembered", retry_after_s=1) from error


def _made(request: Admit, deployment: Deployment, concerned: PassedObject, object_id: str, *, tokens: int = 0) -> Owned:
    """`tokens` are what who goes on from it reads again."""
    caller = request.caller
    return Owned(
        concerned.kind,
        object_id,
        owner_of(caller.key, caller.user_id, caller.team_id),
        caller.key,
        request.group,
        request.model,
        deployment.id,
        now_ms(),
        encode_conversation(Conversation(object_id, concerned.kind, tokens)),
    )


def _log_lost(job: Job, error: BusError) -> None:
    request_id = job.call.request.request_id
    log.error("an object of a provider could not be remembered", request=request_id, error=str(error))


def _deletes_it(target: str, object_id: str) -> bool:
    """Whether it is the object itself that is deleted, and not a part of it."""
    return unquote(target.partition("?")[0]).rstrip("/").endswith(f"/{object_id}")
