"""What is remembered of a file or batch once the provider has made, shown or deleted it: before its client hears."""

import asyncio

import msgspec
import structlog

from services.router.job import Ending, Job, now_ms
from shared.bus import Bus, BusError
from shared.errors import Unavailable
from shared.facts import CompletionDeferred
from shared.facts.header import caller_fields
from shared.kept.object_calls import CREATE_BATCH, CREATE_FILE, DELETE_FILE, FILE_CONTENT
from shared.kept.open_batches import OpenBatch, open_batch
from shared.kept.owned import Owned, find_owned, forget_owned, keep_owned
from shared.serving.deployments import Deployment

log = structlog.get_logger()

TRIES = 5
AGAIN_S = 1.0
_FILES_OF_BATCH = ("output_file_id", "error_file_id")


class _Batch(msgspec.Struct):
    output_file_id: str | None = None
    error_file_id: str | None = None
    input_file_id: str = ""


_decoder = msgspec.json.Decoder(_Batch)


def _batch_in(shown: bytes) -> _Batch:
    """Return what is known of a batch; what cannot be read must not keep it from being remembered."""
    try:
        return _decoder.decode(shown)
    except msgspec.DecodeError:
        return _Batch()


async def keep_object(bus: Bus, job: Job, ending: Ending) -> None:
    """Raises: Unavailable: what was made cannot be remembered, so that nobody could ask for it.

    A batch that was made all the same keeps its hold: nobody knows here what it will cost.
    """
    request, deployment = job.call.request, ending.deployment
    asked = request.object
    if asked is None or ending.reader is None or deployment is None or request.call_type == FILE_CONTENT:
        return
    if request.call_type == CREATE_BATCH:
        job.deferred = _deferred(job, deployment, ending.reader.response_id, ending.body)
    for left in reversed(range(TRIES)):
        try:
            await _keep(bus, job, ending, deployment)
            return
        except BusError as error:
            log.error("an object of a provider could not be remembered", request=request.request_id, error=str(error))
            if not left:
                told = ending.reader.response_id or asked.id
                raise Unavailable(f"the {asked.kind} {told} could not be remembered", retry_after_s=1) from error
            await asyncio.sleep(AGAIN_S)


async def _keep(bus: Bus, job: Job, ending: Ending, deployment: Deployment) -> None:
    request, reader = job.call.request, ending.reader
    asked = request.object
    if asked is None or reader is None:
        return
    if request.call_type in (CREATE_FILE, CREATE_BATCH):
        if request.call_type == CREATE_BATCH:
            made_ms = now_ms()
            await open_batch(bus, OpenBatch(job.call, asked.owner, deployment.id, reader.response_id, made_ms, made_ms))
        lines = asked.lines if request.call_type == CREATE_FILE else None
        owned = Owned(
            asked.kind,
            reader.response_id,
            asked.owner,
            request.caller.key,
            request.group,
            request.model,
            deployment.id,
            now_ms(),
            ending.body,
            lines,
            request.request_id,
        )
        await keep_owned(bus, owned)
        return
    found = await find_owned(bus, asked.kind, asked.owner, asked.id)
    if found is None:
        return
    if request.call_type == DELETE_FILE:
        await forget_owned(bus, found)
    else:
        await keep_shown(bus, found, ending.body)


async def keep_shown(bus: Bus, owned: Owned, shown: bytes) -> None:
    """Remember an object as its provider shows it now; the files that a batch has written are its owner's.

    Raises:
        BusError
    """
    if owned.shown == shown:
        return
    if owned.kind == "batch":
        batch, before = _batch_in(shown), _batch_in(owned.shown)
        for name in _FILES_OF_BATCH:
            file_id = getattr(batch, name)
            if file_id and file_id != getattr(before, name):
                file = msgspec.structs.replace(
                    owned, kind="file", id=file_id, created_ms=now_ms(), shown=_file_of(file_id, name), part_of=owned.id
                )
                await keep_owned(bus, file)
    await keep_owned(bus, msgspec.structs.replace(owned, shown=shown))


def _file_of(file_id: str, name: str) -> bytes:
    """Return what a list shows of it until somebody asks its provider."""
    shown = {"id": file_id, "object": "file", "purpose": "batch_output", "created_at": now_ms() // 1000}
    filename = f"{name.removesuffix('_file_id')}.jsonl"
    return msgspec.json.encode({**shown, "filename": filename, "bytes": 0, "status": "processed"})


def _deferred(job: Job, deployment: Deployment, batch_id: str, body: bytes) -> CompletionDeferred:
    call = job.call
    request, lines = call.request, call.request.object.lines if call.request.object else None
    return CompletionDeferred(
        id=f"def_{request.request_id}",
        ts_ms=now_ms(),
        request_id=request.request_id,
        **caller_fields(request.caller),
        partition=call.partition,
        homes=call.homes,
        held=call.hold_pico is not None,
        hold_pico=call.hold_pico or 0,
        route=request.route,
        call_type=request.call_type,
        model=request.model,
        group=request.group,
        deployment=deployment.id,
        provider=deployment.provider,
        provider_model=deployment.model,
        batch_id=batch_id,
        input_file_id=_batch_in(body).input_file_id,
        lines=lines.count if lines is not None else 0,
        received_ms=request.received_ms,
        admitted_ms=call.admitted_ms,
    )
