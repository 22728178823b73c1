"""Requests for files, batches and responses, read: whose each is, by which model name and deployment it is reached."""

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from services.edge.calls.endpoint import ObjectRequest
from services.edge.calls.previous_response import owned_response
from services.edge.calls.table import Table
from services.edge.http.asgi import Receive
from services.edge.http.request_body import read_request_body
from services.edge.identify import owner_of_key
from services.edge.model_details.model_names import ModelNames
from services.edge.objects.choice import keeper_of, said_in
from services.edge.objects.lines import LineCounter, PeekLine
from services.edge.objects.lists import page_in
from services.edge.objects.paths import Found
from services.edge.objects.reach import NamedObjects
from services.edge.objects.upload import FileLimits, Upload, read_upload
from services.edge.peeks.json_body import decoded
from services.edge.peeks.peek import Ours, Peek, peek_of
from shared.bus import Bus, BusError
from shared.errors import InvalidRequest, NotFound, Unavailable
from shared.identity.access import refusal_of_key
from shared.identity.keys import Key
from shared.kept.object_calls import BATCH, CREATE_BATCH, CREATE_FILE, FILE_CONTENT, PATHS, STORED, Kind, ObjectCall
from shared.kept.owned import ANYBODY, Owned, find_owned
from shared.payloads.line_reader import LineReader, LineTooLong

_OURS = frozenset(
    ("model", "target_model_names", "custom_llm_provider", "tags", "guardrails", "timeout", "num_retries", "user")
)
"""Fields that speak to the gateway: the provider does not get them."""

_ROUTE = "POST /v1/batches"
_KINDS: dict[str, Kind] = {"files": "file", "batches": "batch", "responses": "response"}


class _NewBatch(Ours, kw_only=True):
    input_file_id: str
    endpoint: str
    completion_window: str = "24h"


_decode_batch = msgspec.json.Decoder(_NewBatch).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class ObjectRequests:
    def __init__(
        self,
        bus: Bus,
        names: ModelNames,
        table: Table,
        providers: Collection[str],
        named: NamedObjects,
        limits: FileLimits,
        body_limit: int,
    ) -> None:
        self._bus = bus
        self._names = names
        self._table = table
        self._providers = providers
        self._named = named
        self._limits = limits
        self._body_limit = body_limit

    async def read(
        self, found: Found, path: str, query: bytes, key: Key | None, headers: Mapping[bytes, bytes], receive: Receive
    ) -> ObjectRequest:
        """Return what is asked.

        Raises:
            NotFound: there is no such object, or it is another's: who asks is told the same.
            InvalidRequest, TooLarge, Unavailable, ClientLeft
        """
        kind = _KINDS[PATHS[found.call_type][1].split("/")[1]]
        if self._is_refused(key, path):
            return ObjectRequest(b"", Peek(None, 0), "", "", "", ObjectCall(kind, ""))
        if found.lists:
            owner = owner_of_key(key) if key is not None else ANYBODY
            return ObjectRequest(b"", Peek(None, 0), "", "", "", ObjectCall(kind, owner, page=page_in(kind, query)))
        if found.call_type == CREATE_FILE:
            return await self._upload(found, query, key, headers, receive)
        if found.call_type == CREATE_BATCH:
            return await self._new_batch(key, headers, receive)
        if found.call_type in STORED:
            stored = await owned_response(self._bus, found.id, key, param="response_id")
            call = ObjectCall(kind, stored.owner, found.id, query=query.decode("latin-1"))
            return ObjectRequest(b"", Peek(None, 0), stored.group, stored.group, stored.deployment, call)
        owned = await self._owned(kind, key, found.id, f"{kind}_id")
        peek = Peek(None, 0, stream=found.call_type == FILE_CONTENT)
        return _of(owned, b"", peek, ObjectCall(kind, owned.owner, owned.id))

    def _is_refused(self, key: Key | None, path: str) -> bool:
        """Whether the journey will refuse it whatever it asks: then nothing of it is read."""
        refused = refusal_of_key(key, route=path, now=time.time()) if key is not None else None
        return refused is not None or self._names.access.refusal(key, "") is not None

    async def _owned(self, kind: Kind, key: Key | None, object_id: str, param: str) -> Owned:
        owner = owner_of_key(key) if key is not None else ANYBODY
        try:
            owned = await find_owned(self._bus, kind, owner, object_id)
        except BusError as error:
            raise Unavailable("files and batches cannot be looked up at the moment", retry_after_s=1) from error
        if owned is None:
            shown = object_id[:100]
            raise NotFound(f"No such {kind.capitalize()} object: {shown}. One belongs to who made it.", param=param)
        return owned

    async def _upload(
        self, found: Found, query: bytes, key: Key | None, headers: Mapping[bytes, bytes], receive: Receive
    ) -> ObjectRequest:
        upload = await read_upload(receive, headers, self._limits)
        try:
            counter = await self._counted(upload) if upload.text("purpose") == BATCH else None
            lines = counter.lines() if counter is not None else None
            said = said_in(upload, headers, query, found.provider)
            keeper = keeper_of(said, lines, self._names, key, self._providers)
            ours = Ours(tags=_listed(upload.text("tags")), guardrails=_listed(upload.text("guardrails")))
            peek = peek_of(ours, "POST /v1/files", 0)
            named = counter.named.values() if counter is not None else ()
            held = _in_both(keeper.only, await self._named.holding_named(named, key, keeper.group))
        except BaseException:
            upload.spool.close()
            raise
        call = ObjectCall(
            "file",
            owner_of_key(key),
            form=tuple((name, value) for name, value in upload.fields if name.partition("[")[0] not in _OURS),
            filename=upload.filename,
            file_type=upload.content_type,
            renames=keeper.renames and lines is not None,
            lines=lines,
        )
        return ObjectRequest(upload.spool, peek, keeper.model, keeper.group, "", call, held)

    async def _counted(self, upload: Upload) -> LineCounter:
        counter = LineCounter(self._peek_for, self._limits.batch_lines)
        reader = LineReader()
        try:
            for part in upload.spool.parts():
                for number, line in reader.feed(part):
                    counter.add(number, line)
                await asyncio.sleep(0)  # others' requests go on meanwhile
            for number, line in reader.end():
                counter.add(number, line)
        except LineTooLong as error:
            raise InvalidRequest(f"POST /v1/files: {error}.", param="file") from error
        return counter

    def _peek_for(self, url: str) -> tuple[str, PeekLine] | None:
        endpoint = self._table.fixed.get(url)
        return (endpoint.call_type, endpoint.peek) if endpoint is not None and endpoint.peek is not None else None

    async def _new_batch(self, key: Key | None, headers: Mapping[bytes, bytes], receive: Receive) -> ObjectRequest:
        body = await read_request_body(receive, self._body_limit, headers)
        asked = decoded(_decode_batch, body, _ROUTE)
        owned = await self._owned("file", key, asked.input_file_id, "input_file_id")
        if owned.lines is None:
            raise InvalidRequest(
                f"{_ROUTE}: '{owned.id}' was not uploaded here with purpose batch: upload the requests by "
                "POST /v1/files with purpose=batch.",
                param="input_file_id",
            )
        known = self._peek_for(asked.endpoint)
        if known is None or known[0] != owned.lines.call_type:
            raise InvalidRequest(
                f"{_ROUTE}: 'endpoint' must be {owned.lines.url}, which the lines of the file call.", param="endpoint"
            )
        fields: dict[str, Any] = {name: value for name, value in _fields(body).items() if name not in _OURS}
        call = ObjectCall("batch", owner_of_key(key), lines=owned.lines)
        return _of(owned, msgspec.json.encode(fields), peek_of(asked, _ROUTE, 0), call)


def _in_both(only: tuple[str, ...], held: tuple[str, ...]) -> tuple[str, ...]:
    """Return the deployments that serve all models that are named, and have all that the lines name; () for any."""
    if not only or not held:
        return only or held
    both = tuple(one for one in only if one in held)
    if not both:
        raise InvalidRequest(
            "POST /v1/files: what the lines of 'file' name is kept where not all of 'target_model_names' are served.",
            param="target_model_names",
        )
    return both


def _of(owned: Owned, body: bytes, peek: Peek, call: ObjectCall) -> ObjectRequest:
    return ObjectRequest(body, peek, owned.model, owned.group, owned.deployment, call)


def _listed(text: str) -> list[str] | None:
    return [part.strip() for part in text.split(",") if part.strip()] or None
