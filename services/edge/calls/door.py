"""What every request of a client passes before policy hears of it: may it be asked at all, and if so, it is."""

import hashlib

from services.edge.calls.endpoint import Endpoint
from services.edge.model_details.model_names import ModelNames, some_of
from shared import subjects
from shared.bus import Bus, NotConnected, Outbox
from shared.calls import Admit, pack
from shared.errors import GatewayError, InvalidRequest, Unavailable
from shared.facts import RequestDenied, RequestReceived, encode_fact
from shared.facts.header import caller_fields, unchecked
from shared.facts.request import DenialStage
from shared.identity.access import refusal_of_key
from shared.identity.keys import Key
from shared.kept.object_calls import LISTS
from shared.payloads.bodies import BodyHolder
from shared.payloads.spool import Spool
from shared.serving.pass_through import asked_for

_received = unchecked(RequestReceived)


class Door:
    def __init__(self, bus: Bus, outbox: Outbox, bodies: BodyHolder, names: ModelNames, *, partitions: int) -> None:
        self._bus = bus
        self._outbox = outbox
        self._bodies = bodies
        self._names = names
        self._partitions = partitions

    def check(self, key: Key | None, request: Admit, endpoint: Endpoint) -> None:
        """Refuse at once what can be; a refusal that is a decision becomes a fact.

        Raises:
            GatewayError
        """
        refusal = self._refusal(key, request, endpoint)
        if refusal is not None:
            stage, failure = refusal
            self._deny(request, stage, failure)
            raise failure
        if self._outbox.full:
            raise Unavailable("facts cannot be stored at the moment", retry_after_s=1)

    def ask(self, request: Admit, body: bytes | Spool) -> None:
        """Send the request to the owner of its tenant's partition, and announce it."""
        caller = request.caller
        inline = b""
        if request.body_ref:
            self._bodies.hold(request.request_id, body)
        elif not isinstance(body, Spool):
            inline = body
        partition = subjects.partition_of(caller.tenant, self._partitions)
        reply = subjects.frames(request.edge, request.request_id)
        try:
            self._bus.publish(subjects.admit(partition), pack(request, inline), reply)
        except NotConnected as error:
            raise Unavailable("the message bus is away", retry_after_s=1) from error
        fact = _received(
            id=f"rec_{request.request_id}",
            ts_ms=request.received_ms,
            request_id=request.request_id,
            **caller_fields(caller),
            edge=request.edge,
            route=request.route,
            model=request.model,
            stream=request.stream,
            body_bytes=request.body_bytes,
            body_sha256=body.sha256 if isinstance(body, Spool) else hashlib.sha256(body).hexdigest(),
            ip=caller.ip,
            user_agent=caller.user_agent,
        )
        self._outbox.put(fact.subject, encode_fact(fact), fact.id)

    def _refusal(self, key: Key | None, request: Admit, endpoint: Endpoint) -> tuple[DenialStage, GatewayError] | None:
        """What can be refused at once. Policy checks all of it again with authority."""
        refusal = refusal_of_key(key, route=request.route, now=request.received_ms / 1000) if key is not None else None
        refusal = refusal or self._names.access.refusal(key, request.caller.end_user, request.caller.tags)
        if refusal is not None:
            return "key", refusal
        if request.call_type in LISTS:
            return None
        refusal = self._names.access.model_refusal(
            key, request.caller.end_user, asked_for(request.group), request.model
        )
        if refusal is not None:
            return "model", refusal
        if not request.passed[0] and request.object is None and not self._names.serves(request.group):
            usable = some_of(self._names.usable_by(key))
            return "model", InvalidRequest(
                f"{endpoint.name}: Invalid model name passed in model={request.model}. Call `/v1/models` to view "
                f"available models for your key. Available: {usable}.",
                param="model",
            )
        return None

    def _deny(self, request: Admit, stage: DenialStage, failure: GatewayError) -> None:
        caller = request.caller
        fact = RequestDenied(
            id=f"den_{request.request_id}",
            ts_ms=request.received_ms,
            request_id=request.request_id,
            **caller_fields(caller),
            stage=stage,
            route=request.route,
            call_type=request.call_type,
            model=request.model,
            status=failure.status,
            error_type=failure.type,
            message=failure.message,
            received_ms=request.received_ms,
            ip=caller.ip,
            user_agent=caller.user_agent,
            session_id=caller.session_id,
        )
        if not self._outbox.full:
            self._outbox.put(fact.subject, encode_fact(fact), fact.id)
