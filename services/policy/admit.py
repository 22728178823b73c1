"""A request's way through policy, top to bottom: key, model, guardrails; then what it takes of budgets and limits."""

import asyncio
import struct
from collections.abc import Mapping

import msgspec
import structlog

from services.policy.dispatch import Body, Passed
from services.policy.guard_lines import guard_lines
from services.policy.guardrails import Blocked, Chain
from services.policy.in_progress import FAILED, InProgress
from services.policy.key_lookup import look_key_up
from services.policy.partitions.owning.open_partitions import OpenPartitions
from services.policy.replies import Replies
from services.policy.reserve import Reserve
from shared.bus import Bus, BusError, Message, Outbox
from shared.calls import BODY_INLINE_MAX, Admit, decode_cancel, unpack_admit
from shared.clock import time_ms
from shared.errors import AuthenticationFailed, Unavailable
from shared.identity.access import refusal_of_key
from shared.identity.holder_access import HolderAccess
from shared.identity.keys import MASTER_KEY_ID, Key
from shared.kept.object_calls import CREATE_FILE, LISTS
from shared.payloads.bodies import BodyGone, BodyHolder, read_body
from shared.payloads.spool import Spool
from shared.serving.pass_through import asked_for

log = structlog.get_logger()

MASKED_BODY_KEPT_S = 60.0
MASKED_FILE_KEPT_S = 900.0


class Admission:
    """Answers `cmd.admit.<partition>` and `cancel.<process>`.

    Nothing here waits unless a body or a key has to be read from elsewhere.
    """

    def __init__(
        self,
        bus: Bus,
        outbox: Outbox,
        *,
        keys: Mapping[str, Key],
        access: HolderAccess,
        chain: Chain,
        bodies: BodyHolder,
        replies: Replies,
        in_progress: InProgress,
        partitions: OpenPartitions,
        reserve: Reserve,
    ) -> None:
        self._bus = bus
        self._outbox = outbox
        self._keys = keys
        self._access = access
        self._chain = chain
        self._bodies = bodies
        self._replies = replies
        self._in_progress = in_progress
        self._partitions = partitions
        self._reserve = reserve

    def on_admit(self, number: int, message: Message) -> None:
        """Answer one request of the partition, which this process owns."""
        try:
            request, body = unpack_admit(message.data)
        except (msgspec.DecodeError, struct.error) as error:
            log.error("a request cannot be read", partition=number, error=str(error))
            return
        now_ms = time_ms()
        if now_ms >= request.deadline_ms:
            return  # edge has answered by now
        try:
            self._check(number, request, body, now_ms)
        except Exception:
            log.exception(FAILED, request=request.request_id)
            self._in_progress.failed(request)

    def on_cancel(self, message: Message) -> None:
        """The client of a request left that this process has said to work on."""
        try:
            request_id = decode_cancel(message.data).request_id
        except msgspec.DecodeError as error:
            log.error("a cancellation cannot be read", error=str(error))
            return
        if not self._in_progress.leave(request_id):
            self._partitions.leave(request_id)

    def _check(self, number: int, request: Admit, body: bytes, now_ms: int) -> None:
        if self._outbox.full:
            self._in_progress.refuse(request, Unavailable("facts cannot be stored at the moment", retry_after_s=1))
        elif request.caller.key == MASTER_KEY_ID:
            self._check_holders(number, request, None, body)
        elif (key := self._keys.get(request.caller.key)) is not None:
            self._check_key(number, request, key, body, now_ms)
        else:
            self._in_progress.spawn(request, self._look_key_up(number, request, body))

    async def _look_key_up(self, number: int, request: Admit, body: bytes) -> None:
        """The edge knows a key that is not mirrored here: made a moment ago, or deleted."""
        try:
            key = await look_key_up(self._bus, request.caller.key)
        except BusError as error:
            self._in_progress.refuse(request, Unavailable(f"the key could not be looked up: {error}", retry_after_s=1))
            return
        if key is None:
            deleted = AuthenticationFailed(
                "Authentication Error, the key was deleted.", type="token_not_found_in_db", param="key"
            )
            self._replies.deny(request, "key", deleted)
            return
        self._check_key(number, request, key, body, time_ms())

    def _check_key(self, number: int, request: Admit, key: Key, body: bytes, now_ms: int) -> None:
        refusal = refusal_of_key(key, route=request.route, now=now_ms / 1000)
        if refusal is not None:
            self._replies.deny(request, "key", refusal)
        else:
            self._check_holders(number, request, key, body)

    def _check_holders(self, number: int, request: Admit, key: Key | None, body: bytes) -> None:
        end_user = request.caller.end_user
        refusal = self._access.refusal(key, end_user, request.caller.tags)
        if refusal is not None:
            self._replies.deny(request, "key", refusal)
            return
        if request.call_type not in LISTS:
            refusal = self._access.model_refusal(key, end_user, asked_for(request.group), request.model)
        if refusal is not None:
            self._replies.deny(request, "model", refusal)
        else:
            self._guard(number, request, key, body)

    def _guard(self, number: int, request: Admit, key: Key | None, body: bytes) -> None:
        names = self._chain.names_for(request.guardrails, self._access.guardrails_of(key))
        if request.object is not None:
            self._guard_object(number, request, key, body, names)
        elif not names:
            self._reserve.hold(Passed(number, request, key, Body(body, request.body_ref, False), ()))
        elif request.body_ref:
            self._replies.wait(request)
            self._in_progress.spawn(request, self._read_then_guard(number, request, key, names))
        else:
            self._guard_text(number, request, key, body, names)

    async def _read_then_guard(self, number: int, request: Admit, key: Key | None, names: tuple[str, ...]) -> None:
        try:
            whole = await read_body(self._bus, request.body_ref, request.body_bytes)
        except BodyGone as error:
            self._in_progress.refuse(request, Unavailable(str(error), retry_after_s=1))
            return
        self._guard_text(number, request, key, whole, names)

    def _guard_object(self, number: int, request: Admit, key: Key | None, body: bytes, names: tuple[str, ...]) -> None:
        """Of what providers keep only the lines of a batch's input are requests, which a model will read."""
        if names and request.call_type == CREATE_FILE and request.object is not None and request.object.lines:
            self._replies.wait(request)
            self._in_progress.spawn(request, self._guard_lines(number, request, key, names))
        else:
            self._reserve.hold(Passed(number, request, key, Body(body, request.body_ref, False, counted=True), ()))

    async def _guard_lines(self, number: int, request: Admit, key: Key | None, names: tuple[str, ...]) -> None:
        """Each line of a batch's input is a request; the guardrails read the file piece by piece."""
        try:
            guarded = await guard_lines(self._bus, request.body_ref, request.body_bytes, self._chain, names)
        except BodyGone as error:
            self._in_progress.refuse(request, Unavailable(str(error), retry_after_s=1))
            return
        if isinstance(guarded, Blocked):
            self._replies.deny(request, "guardrail", guarded.error, guardrail=guarded.guardrail)
        elif guarded is None:
            self._reserve.hold(Passed(number, request, key, Body(b"", request.body_ref, False), names))
        else:
            ref = self._bodies.hold(request.request_id, guarded)
            asyncio.get_running_loop().call_later(MASKED_FILE_KEPT_S, self._drop_file, request.request_id, guarded)
            grown = max(0, len(guarded) - request.body_bytes)
            self._reserve.hold(Passed(number, _with_growth(request, grown), key, Body(b"", ref, True), names))

    def _drop_file(self, request_id: str, file: Spool) -> None:
        self._bodies.drop(request_id)
        file.close()

    def _guard_text(self, number: int, request: Admit, key: Key | None, body: bytes, names: tuple[str, ...]) -> None:
        if request.passed[0] and not body:
            self._reserve.hold(Passed(number, request, key, Body(b"", "", False), names))
            return
        verdict = self._chain.check_request(body, names, request.content_type)
        if isinstance(verdict, Blocked):
            self._replies.deny(request, "guardrail", verdict.error, guardrail=verdict.guardrail)
            return
        if verdict.body is None:
            passed = Body(b"" if request.body_ref else body, request.body_ref, False)
        elif len(verdict.body) <= BODY_INLINE_MAX:
            passed = Body(verdict.body, "", True, len(verdict.body) - len(body))
        else:
            ref = self._bodies.hold(request.request_id, verdict.body)
            passed = Body(b"", ref, True, len(verdict.body) - len(body))
            asyncio.get_running_loop().call_later(MASKED_BODY_KEPT_S, self._bodies.drop, request.request_id)
        self._reserve.hold(Passed(number, request, key, passed, verdict.applied))


def _with_growth(request: Admit, grown: int) -> Admit:
    """Return the request whose lines have so many bytes more of text."""
    asked = request.object
    if asked is None or asked.lines is None or not grown:
        return request
    lines = msgspec.structs.replace(asked.lines, text_bytes=asked.lines.text_bytes + grown)
    return msgspec.structs.replace(request, object=msgspec.structs.replace(asked, lines=lines))
