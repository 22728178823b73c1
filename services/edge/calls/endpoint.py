"""What is to be said of an endpoint, so that the one journey can serve it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from services.edge.calls.previous_response import Resolved
from services.edge.peeks.peek import Peek
from shared.bus import Bus
from shared.identity.keys import Key
from shared.kept.object_calls import ObjectCall
from shared.payloads.forms import Field
from shared.payloads.spool import Spool

PeekBody = Callable[[bytes], Peek]
PeekForm = Callable[[tuple[Field, ...], int], Peek]
"""(the form's fields, the bytes of the body) -> what it asks for."""


Resolve = Callable[[Bus, bytes, Key | None], Awaitable[Resolved]]


class ObjectRequest(NamedTuple):
    """What is known of a request that concerns an object which a provider keeps, once its body is read.

    `pinned` is the deployment that has the object.
    """

    body: bytes | Spool
    peek: Peek
    model: str
    group: str
    pinned: str
    call: ObjectCall
    holding: tuple[str, ...] = ()  # the deployments that have what a batch's lines name


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A row of the table. An endpoint takes POST, but for those of what a provider keeps.

    `name` stands in errors; `call_type` is LiteLLM's name, by which policy and router know what is asked;
    `dialect` says how errors look and whose client it is. A body is JSON, for `peek`, or a form, for `peek_form`.
    """

    name: str
    summary: str
    call_type: str
    dialect: str = "openai"
    method: str = "POST"
    paths: tuple[str, ...] = ()  # as clients write them; looked up in a dictionary
    templates: tuple[str, ...] = ()  # paths with {model} in them, which may be any text
    peek: PeekBody | None = None
    peek_form: PeekForm | None = None
    resolve: Resolve | None = None  # what a body refers to is put into it before anybody reads it
    refers: tuple[bytes, ...] = ()  # words by which a body may name what a provider keeps: edge/objects/named.py
    key_in_query: bool = False  # its clients may send their key as ?key=
    array_unless: bytes = b""  # a stream is one JSON array, not events, unless the query has this
    client_headers: tuple[bytes, ...] = ()  # names, in lower case, of what goes on to a provider of the dialect
    schema: dict[str, Any] | None = None  # of the JSON body, for the OpenAPI document
    query: dict[str, dict[str, Any]] | None = None  # the schemas of its parameters, for the same
