"""What edge asks of policy for one request: the command, out of all that is known of it."""

import time
from collections.abc import Mapping
from typing import Any

from services.edge.calls.endpoint import Endpoint
from services.edge.http.request_headers import Wishes
from services.edge.identify import key_id
from services.edge.peeks.peek import Peek
from shared import subjects
from shared.calls import BODY_INLINE_MAX, Admit, Caller
from shared.errors import InvalidRequest
from shared.identity.keys import Key
from shared.interrupted import FIELD, Interrupted, interrupted_of
from shared.kept.object_calls import ObjectCall
from shared.payloads.forms import is_form

MASTER_USER = "default_user_id"
HEADER_MAX = 4_000
"""Bytes of one of the client's headers that goes on to a provider."""


def admit_of(
    endpoint: Endpoint,
    path: str,
    headers: Mapping[bytes, bytes],
    request_id: str,
    key: Key | None,
    peek: Peek,
    wishes: Wishes,
    *,
    edge: str,
    model: str,
    group: str,
    tags: tuple[str, ...],
    content_type: str,
    body_bytes: int,
    ip: str,
    timeout_max_s: float,
    passed: tuple[str, str] = ("", ""),
    pinned: str = "",
    object_call: ObjectCall | None = None,
    spooled: bool = False,
) -> Admit:
    """Return the command. `tags` are those that every request of the key has; a `spooled` body is read in parts.

    Raises:
        InvalidRequest: no model is named, or metadata or a header cannot be kept.
    """
    passes = bool(passed[0]) or object_call is not None
    if not model and not passes:
        raise InvalidRequest(f"{endpoint.name}: Missing required parameter: 'model'.", param="model")
    now_ms = time.time_ns() // 1_000_000
    wished_s = wishes.timeout_s or peek.timeout_s
    return Admit(
        request_id=request_id,
        edge=edge,
        caller=_caller(key, tags, peek, wishes, ip),
        route=path,
        call_type=endpoint.call_type,
        model=model,
        group=group,
        stream=peek.stream,
        include_usage=peek.include_usage,
        max_tokens=peek.max_tokens,
        max_tokens_field=peek.max_tokens_field,
        n=peek.n,
        input_bytes=peek.text_bytes,
        images=peek.images,
        has_tools=peek.has_tools,
        received_ms=now_ms,
        deadline_ms=now_ms + int(min(wished_s or timeout_max_s, timeout_max_s) * 1000),
        body_bytes=body_bytes,
        body_ref=subjects.body(edge, request_id) if spooled or body_bytes > BODY_INLINE_MAX else "",
        guardrails=peek.guardrails,
        num_retries=0 if passes else wishes.num_retries if wishes.num_retries is not None else peek.num_retries,
        timeout_s=wished_s,
        disable_fallbacks=passes or peek.disable_fallbacks,
        dialect=endpoint.dialect,
        content_type=content_type,
        units=peek.units,
        tier=peek.tier,
        priority=peek.priority,
        interrupted=_interrupted(key.metadata[FIELD]) if key is not None and FIELD in key.metadata else None,
        pinned=pinned,
        client_headers=_passed_on(endpoint.client_headers, headers) if endpoint.client_headers else (),
        passed=passed,
        object=object_call,
        tells_cost=peek.tells_cost,
        drop_params=peek.drop_params,
    )


def body_type(endpoint: Endpoint, headers: Mapping[bytes, bytes]) -> str:
    """Return the content type of a form, "" for a JSON body."""
    if endpoint.peek_form is None:
        return ""
    sent = headers.get(b"content-type", b"").decode("latin-1")
    return sent if is_form(sent) else ""


def _interrupted(value: Any) -> Interrupted | None:
    try:
        return interrupted_of(value)
    except ValueError:  # it was written before this was looked at
        return None


def _passed_on(names: tuple[bytes, ...], headers: Mapping[bytes, bytes]) -> tuple[tuple[str, str], ...]:
    found = [(name, headers[name]) for name in names if name in headers]
    for name, value in found:
        if len(value) > HEADER_MAX:
            shown = name.decode()
            raise InvalidRequest(f"The header {shown} must have at most {HEADER_MAX} bytes.", param=shown)
    return tuple((name.decode(), value.decode("latin-1")) for name, value in found)


def _caller(key: Key | None, tags: tuple[str, ...], peek: Peek, wishes: Wishes, ip: str) -> Caller:
    return Caller(
        key=key_id(key),
        key_alias=(key.key_alias or "") if key else "",
        tenant=key.tenant if key else key_id(None),
        user_id=(key.user_id or "") if key else MASTER_USER,
        team_id=(key.team_id or "") if key else "",
        organization_id=(key.organization_id or "") if key else "",
        end_user=wishes.end_user or peek.user,
        tags=(*tags, *wishes.tags, *peek.tags),
        ip=ip,
        user_agent=wishes.user_agent,
        session_id=wishes.session_id,
        metadata=wishes.metadata_json(peek.metadata),
    )
